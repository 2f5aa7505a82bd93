"""HTTP/1.1 as both of the service's servers need it: how a request is read, in what time, and how a call is cut.

    framing        requests off the wire, strictly
    timed_socket   a socket under a time budget
    cut            a call to somebody else's server that another thread can end
    session        such calls, with nothing in them that was not asked for

Owns no thread and knows nothing of what is served: intake serves people, the gateway containers.
"""
