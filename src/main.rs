//! The `comity` command: an allocator and an exit code.

use std::process::ExitCode;

/// Bodies of many MiB come and go; glibc's allocator maps and faults them anew each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Newer ONNX Runtimes report usage unless this stands in the environment before they are loaded. A guard that sees private chats does not phone home.
    #[expect(unsafe_code, reason = "no other thread runs yet, so nobody reads the environment meanwhile")]
    unsafe {
        std::env::set_var("ORT_DISABLE_TELEMETRY", "1");
    }
    comity::cli::run()
}
