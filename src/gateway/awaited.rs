//! A connection on which something has to come soon: the HTTP library waits without a bound for the first byte, by which it tells HTTP/1.1 from HTTP/2.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream whose first byte has to come within a bound.
pub(super) struct Awaited<S> {
    stream: S,
    /// Gone once the first byte is there.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Awaited<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience: Some(Box::pin(tokio::time::sleep(patience))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Awaited<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.patience = None;
            return Poll::Ready(read);
        }
        match &mut self.patience {
            None => Poll::Pending,
            Some(patience) => {
                ready!(patience.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Awaited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for_and_who_spoke_once_is() {
        let patience = Duration::from_millis(20);
        let (_silent, ours) = tokio::io::duplex(64);
        let mut awaited = Awaited::new(ours, patience);
        assert_eq!(awaited.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);

        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut awaited = Awaited::new(ours, patience);
        theirs.write_all(b"a").await.unwrap();
        assert_eq!(awaited.read_u8().await.unwrap(), b'a');
        let later = async {
            tokio::time::sleep(patience * 4).await;
            theirs.write_all(b"b").await.unwrap();
        };
        let (byte, ()) = tokio::join!(awaited.read_u8(), later);
        assert_eq!(byte.unwrap(), b'b');
    }
}
