"""The gateway: the way from a container to the model's API, on which the host adds the key.

    gateway        the sockets of all containers, and the thread that accepts on them
    door           one container's socket, bound where the container has it mounted
    connection     one connection of a container: its requests, and the answers as they come
    request_body   a request's body on its way
    site           what all connections share
    upstream       the API behind it all: address, credential, pooled connections
    redactor       takes the key out of an answer
    api_error      errors in the API's own form
    usage          tokens, and who has used how many
    scanner        finds them in what passes by

Containers see no key, and reach nothing but the two paths of the Messages API. The socket is the container's identity:
what its requests say of themselves counts for nothing but the turn that they are for, which is checked.
"""
