"""The prelude for Python (-preload): the script is compiled and what it imports
at its top is loaded; each request's process goes on from here."""

import _signal
import ast
import atexit
import builtins
import ctypes
import gc
import importlib
import importlib.machinery
import io
import os
import sys
import types


def does_nothing(node):
    """A text, or a name for a constant."""
    return (
        isinstance(node, (ast.Expr, ast.Assign))
        and isinstance(node.value, ast.Constant)
        and all(isinstance(to, ast.Name) for to in getattr(node, "targets", ()))
    )


def imports(tree):
    """The modules that are named before the script does anything else: that
    may change where they are found, or what they find."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif not does_nothing(node):
            return


def compiled(path):
    with open(path, "rb") as file:
        tree = ast.parse(file.read(), path)
    return tree, compile(tree, path, "exec", dont_inherit=True)


def load(path):
    """The code, or None if it has a mistake: whoever asks is told."""
    try:
        tree, code = compiled(path)
    except (SyntaxError, ValueError):
        return None
    for name in imports(tree):
        try:
            importlib.import_module(name)
        except Exception:  # the script will meet it, too
            pass
    return code


def files():
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path:
            yield os.path.abspath(path)


def changes(given):
    """What has been done to the variables since they were given."""
    now = os.environb
    return (
        {name: now[name] for name in now if now[name] != given.get(name)},
        given.keys() - now.keys(),
    )


def repeat(changed, removed, given):
    """Does it to each request's. What was not there may have been set because
    it was not: the request's own stays."""
    for name in removed:
        os.environb.pop(name, None)
    for name, value in changed.items():
        if name in given or name not in os.environb:
            os.environb[name] = value


def take_environment(library):
    pointer = ctypes.c_void_p.in_dll(library, "cgi_fcgi_env").value
    length = ctypes.c_size_t.in_dll(library, "cgi_fcgi_env_length").value
    pairs = ctypes.string_at(pointer, length).split(b"\0")
    # As the interpreter has set it where there was no locale (PEP 538).
    kind = os.environ.get("LC_CTYPE")
    os.environ.clear()  # of what libc has, too
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        if name and equals:
            os.environb[name] = value
    if kind:
        os.environ.setdefault("LC_CTYPE", kind)


def files_of(things):
    return [thing for thing in things if issubclass(type(thing), io.IOBase)]


def wait(given):
    """Returns in each request's process, with the files that were open. given
    is the environment before anything was loaded."""
    changed, removed = changes(given)
    opened = files_of(gc.get_objects())
    # What there is by now is not looked at when the script's objects are.
    gc.freeze()
    library = ctypes.CDLL(None)
    listing = ctypes.c_int.in_dll(library, "cgi_fcgi_files").value
    os.write(listing, "".join(f"{name}\n" for name in files()).encode())
    # With the interpreter's lock held: nothing else runs meanwhile. What stands
    # before a fork takes locks that what stands after it gives back.
    interpreter = ctypes.PyDLL(None)
    fork = [
        interpreter.PyOS_BeforeFork,
        interpreter.cgi_fcgi_wait,
        interpreter.PyOS_AfterFork_Child,
    ]
    for step in fork:
        step()
    take_environment(library)
    repeat(changed, removed, given)
    if "random" in sys.modules:
        sys.modules["random"].seed()
    return opened


def flush_output():
    for stream in (sys.stdout, sys.stderr):
        if stream and not stream.closed:
            stream.flush()


def forget_handlers():
    """What would keep the script's functions, and all that they can name."""
    for number in _signal.valid_signals():
        if callable(_signal.getsignal(number)):
            _signal.signal(number, _signal.SIG_DFL)
    sys.excepthook = sys.__excepthook__


def take_apart(opened):
    """What the script has made goes as it would with the interpreter: files are
    written out, temporary ones removed. What others still hold is flushed."""
    forget_handlers()
    gc.collect()  # puts in order who goes before what it writes into
    sys.modules.pop("__main__", None)
    gc.collect()
    for file in files_of(gc.get_objects()) + opened:
        try:
            file.flush()
        except Exception:  # closed, or cannot be flushed
            pass
    ctypes.CDLL(None).fflush(None)


def end(status, opened):
    """As the interpreter ends, but for taking its own world apart, which takes
    longer than most scripts."""
    try:
        threading = sys.modules.get("threading")
        if threading:
            threading._shutdown()
        atexit._run_exitfuncs()
        flush_output()
        take_apart(opened)
        flush_output()
    except BaseException as mistake:
        sys.excepthook(type(mistake), mistake, mistake.__traceback__)
        status = status or 120
    os._exit(status & 255)


def execute(path, code):
    """Runs the script as the interpreter does; returns its exit status."""
    script = types.ModuleType("__main__")
    script.__file__ = path
    script.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    script.__builtins__ = builtins
    sys.modules["__main__"] = script
    try:
        exec(code or compiled(path)[1], script.__dict__)
        return 0
    except SystemExit as request:
        if request.code is None or isinstance(request.code, int):
            return request.code or 0
        print(request.code, file=sys.stderr)
    except BaseException as mistake:
        # Without the frame of this file.
        trace = mistake.__traceback__.tb_next
        sys.excepthook(type(mistake), mistake.with_traceback(trace), trace)
    return 1


def run():
    path = sys.argv[1]
    given = os.environb.copy()
    del sys.argv[0]
    # As the interpreter finds it, if it is to look there.
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    code = load(path)
    opened = wait(given)
    end(execute(path, code), opened)


if __name__ == "__main__":
    run()
