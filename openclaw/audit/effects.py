"""Effects of calls: what a call does to the world, as bits, and which reference operation it costs.

Tables only; `cost_key` names the operation of `costs` that a call is counted as.
"""

from __future__ import annotations

READ = 1
WRITE = 2
SYNC = 4
LIST = 8
STAT = 16
TEMP = 32
PROCESS = 64
HTTP = 128
DNS = 256
SLEEP = 512
CPU = 1024
CONNECT = 2048
"""A socket or a mail server: network, but not HTTP."""
SPAWN = 4096
"""A thread."""
WAIT = 8192
"""Waiting for something else to happen."""
FLUSH = 16384
MOVE = 32768
"""Names changed: rename, unlink, mkdir."""

PAUSES = frozenset({"time.sleep", "asyncio.sleep"})

FILES = READ | WRITE | SYNC | LIST | STAT | TEMP | MOVE
NETWORK = HTTP | CONNECT | DNS
BLOCKING = HTTP | CONNECT | PROCESS | SLEEP

VERBS = ("get", "post", "put", "delete", "head", "patch", "options", "request")

_TABLE: dict[int, str] = {
    STAT: "os.stat os.lstat os.path.exists os.path.isfile os.path.isdir os.path.getsize os.path.getmtime os.access "
    "os.path.islink os.path.getctime os.path.samefile os.path.lexists "
    "pathlib.Path.exists pathlib.Path.is_file pathlib.Path.is_dir pathlib.Path.stat pathlib.Path.lstat",
    LIST: "os.listdir os.scandir os.walk glob.glob pathlib.Path.iterdir pathlib.Path.glob pathlib.Path.rglob "
    "shutil.rmtree shutil.copytree shutil.disk_usage",
    READ: "pathlib.Path.read_text pathlib.Path.read_bytes configparser.ConfigParser.read tomllib.load_path "
    "linecache.getline fileinput.input numpy.load configparser.RawConfigParser.read dotenv.load_dotenv",
    WRITE: "pathlib.Path.write_text pathlib.Path.write_bytes os.truncate shutil.make_archive",
    READ | WRITE: "shutil.copytree shutil.copy shutil.copy2 shutil.copyfile shutil.copyfileobj "
    "zipfile.ZipFile.write tarfile.TarFile.add "
    "tarfile.open.add zipfile.ZipFile.extractall tarfile.open.extractall zipfile.ZipFile.extract shutil.unpack_archive",
    MOVE: "os.rename os.replace os.unlink os.remove os.mkdir os.makedirs os.rmdir os.link os.symlink shutil.move "
    "pathlib.Path.rename pathlib.Path.replace pathlib.Path.unlink pathlib.Path.mkdir pathlib.Path.touch "
    "pathlib.Path.rmdir os.chmod os.utime",
    SYNC: "os.fsync os.fdatasync os.sync",
    FLUSH: "file.flush binary.flush",
    TEMP: "tempfile.mkstemp tempfile.mkdtemp tempfile.NamedTemporaryFile tempfile.TemporaryDirectory "
    "tempfile.TemporaryFile",
    PROCESS: "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen "
    "subprocess.getoutput subprocess.getstatusoutput os.system os.popen os.fork os.spawnv os.spawnlp os.spawnvp "
    "os.posix_spawn multiprocessing.Process os.spawnl pty.spawn",
    HTTP: " ".join(
        [f"requests.{verb} requests.Session.{verb}" for verb in VERBS]
        + ["urllib.request.urlopen urllib.request.urlretrieve urllib.request.OpenerDirector.open "]
        + ["http.client.HTTPConnection.request http.client.HTTPSConnection.request requests.Session.send"]
        + ["http.client.HTTPConnection.getresponse xmlrpc.client.ServerProxy.call"]
    ),
    CONNECT: "socket.create_connection socket.socket.connect smtplib.SMTP smtplib.SMTP_SSL smtplib.SMTP.send_message "
    "smtplib.SMTP.sendmail ftplib.FTP imaplib.IMAP4 imaplib.IMAP4_SSL poplib.POP3 poplib.POP3_SSL telnetlib.Telnet "
    "smtplib.SMTP_SSL.send_message smtplib.SMTP_SSL.sendmail ftplib.FTP_TLS",
    DNS: "socket.gethostbyname socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname_ex socket.getfqdn "
    "socket.getnameinfo",
    SLEEP: "time.sleep asyncio.sleep",
    SPAWN: "threading.Thread threading.Timer",
    WAIT: "threading.Thread.join concurrent.futures.Future.result subprocess.Popen.wait subprocess.Popen.communicate "
    "threading.Event.wait threading.Condition.wait concurrent.futures.wait concurrent.futures.as_completed",
    CPU: "hashlib.sha256 hashlib.sha1 hashlib.md5 hashlib.sha512 hashlib.blake2b hash.update zlib.compress "
    "zlib.decompress gzip.compress gzip.decompress bz2.compress lzma.compress hashlib.pbkdf2_hmac hashlib.scrypt "
    "gzip.open bz2.open lzma.open zipfile.ZipFile.write zipfile.ZipFile.writestr tarfile.open.add hashlib.file_digest "
    "base64.b64encode difflib.SequenceMatcher difflib.unified_diff difflib.ndiff difflib.get_close_matches",
}

BY_CALL: dict[str, int] = {}
for _bits, _names in _TABLE.items():
    for _name in _names.split():
        BY_CALL[_name] = BY_CALL.get(_name, 0) | _bits

OPENERS = frozenset({"builtins.open", "pathlib.Path.open", "gzip.open", "bz2.open", "lzma.open", "os.fdopen"})

_COST_KEYS = (
    (SYNC, "fsync"),
    (PROCESS, "subprocess"),
    (HTTP, "http"),
    (CONNECT, "http"),
    (DNS, "dns"),
    (LIST, "listdir"),
    (TEMP, "write"),
    (WRITE, "write"),
    (READ, "open_read"),
    (SPAWN, "thread"),
    (MOVE, "rename"),
    (STAT, "stat"),
    (FLUSH, "flush"),
    (CPU, "cpu"),
)


def cost_key(effects: int) -> str | None:
    """The reference operation that a call with these effects is counted as, the dearest first; None for none."""
    return next((key for bit, key in _COST_KEYS if effects & bit), None)
