//! From a text to the rows of the token table: what the text encoder takes.

use std::sync::Arc;

use half::f16;
use tokenizers::{Tokenizer, TruncationParams};

use super::bundle::Mapped;
use super::network::Tensor;

/// A text of that many bytes cannot have fewer tokens than are read, so that what follows need not be tokenised.
const MOST_BYTES: usize = 16 * 1024;

/// The tokenizer and the token table, shared by all threads.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    tokenizer: Arc<Tokenizer>,
    table: Mapped,
    scales: Mapped,
    shape: TableShape,
}

/// How the token table is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableShape {
    /// Values of a row.
    pub(super) columns: usize,
    /// Values that share a scale.
    pub(super) block: usize,
}

/// A text as the encoder takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    /// `[1, T, columns]`.
    pub(super) embeddings: Tensor,
    /// `[1, T]`, all ones.
    pub(super) mask: Tensor,
    /// Whether the text has more tokens than are read.
    pub(super) cut: bool,
}

/// A text that cannot be tokenised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tokenizer failed: {0}")]
pub struct TokenError(pub String);

impl Tokens {
    /// Puts a tokenizer, cut to `most` tokens, and its table together.
    pub(super) fn new(
        tokenizer: &[u8],
        most: usize,
        table: Mapped,
        scales: Mapped,
        shape: TableShape,
    ) -> Result<Self, TokenError> {
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(|error| TokenError(error.to_string()))?;
        let truncation = TruncationParams { max_length: most, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| TokenError(error.to_string()))?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer: Arc::new(tokenizer), table, scales, shape })
    }

    /// The rows of a text's tokens. The text bears its prefix.
    pub(super) fn rows(&self, text: &str) -> Result<Rows, TokenError> {
        let (text, shortened) = shorten(text);
        let encoding =
            self.tokenizer.encode_fast(text.as_ref(), true).map_err(|error| TokenError(error.to_string()))?;
        let mut values = Vec::with_capacity(encoding.len() * self.shape.columns);
        for &id in encoding.get_ids() {
            self.gather(id, &mut values).ok_or_else(|| TokenError(format!("there is no row for token {id}")))?;
        }
        let embeddings = Tensor::floats(&[1, encoding.len(), self.shape.columns], values);
        let mask = Tensor::integers(&[1, encoding.len()], vec![1; encoding.len()]);
        Ok(Rows { embeddings, mask, cut: shortened || !encoding.get_overflowing().is_empty() })
    }

    /// Appends a row: 4-bit values, two in a byte, the even column in the low half, each block with its scale.
    fn gather(&self, id: u32, values: &mut Vec<f32>) -> Option<()> {
        let id = usize::try_from(id).ok()?;
        let nibbles = row(&self.table, id, self.shape.columns / 2)?;
        let scales = row(&self.scales, id, self.shape.columns / self.shape.block * 2)?;
        for (block, scale) in nibbles.chunks(self.shape.block / 2).zip(scales.as_chunks::<2>().0) {
            let scale = f16::from_le_bytes(*scale).to_f32();
            values.extend(block.iter().flat_map(|&byte| [byte & 15, byte >> 4]).map(|nibble| signed(nibble) * scale));
        }
        Some(())
    }
}

fn row(table: &[u8], id: usize, bytes: usize) -> Option<&[u8]> {
    let from = id.checked_mul(bytes)?;
    table.get(from..from.checked_add(bytes)?)
}

/// Two's complement in four bits.
fn signed(nibble: u8) -> f32 {
    let value = f32::from(nibble);
    if nibble < 8 { value } else { value - 16.0 }
}

/// Leaves out what cannot be read anyway, so that a book pasted into a question costs no more than a page. Runs of blanks count as one, as they do for
/// the tokenizer.
fn shorten(text: &str) -> (std::borrow::Cow<'_, str>, bool) {
    if text.len() <= MOST_BYTES {
        return (text.into(), false);
    }
    let mut short = String::with_capacity(MOST_BYTES);
    for word in text.split_whitespace() {
        for letter in word.chars().chain([' ']) {
            if short.len() >= MOST_BYTES {
                return (short.into(), true);
            }
            short.push(letter);
        }
    }
    (short.into(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nibbles_are_signed() {
        assert!(
            [(0, 0.0), (7, 7.0), (8, -8.0), (15, -1.0)]
                .iter()
                .all(|&(nibble, value)| (signed(nibble) - value).abs() < 1e-6)
        );
    }

    #[test]
    fn only_very_long_texts_are_shortened() {
        assert_eq!(shorten("a  b"), ("a  b".into(), false));
        let blanks = format!("{}end", " ".repeat(MOST_BYTES));
        assert_eq!(shorten(&blanks), ("end ".into(), false));
        let long = "語".repeat(MOST_BYTES);
        let (short, cut) = shorten(&long);
        assert!(cut && short.len() <= MOST_BYTES + 3);
    }

    #[test]
    fn rows_beyond_the_table_are_not_read() {
        assert_eq!(row(&[1, 2, 3, 4], 1, 2), Some(&[3, 4][..]));
        assert_eq!(row(&[1, 2, 3, 4], 2, 2), None);
        assert_eq!(row(&[1, 2, 3, 4], usize::MAX, 2), None);
    }
}
