//! What the text encoder makes of each token of a text half way: where the pair model goes on. Kept in 8 bits, since a pack has hundreds of norms.

use std::sync::Arc;

use super::cache::Key;

/// The states of a text's tokens, one row each. Of every row the largest value is 127 steps, so a value is off by less than half a percent of that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct States {
    columns: usize,
    steps: Arc<[f32]>,
    values: Arc<[i8]>,
    /// A hash of the rest, made once: a pair is looked up by it at every request.
    key: Key,
}

impl States {
    /// Rows of `columns` numbers, one after the other. What does not fill a row is left out.
    #[must_use]
    pub fn of(rows: &[f32], columns: usize) -> Self {
        let rows = rows.chunks_exact(columns.max(1));
        let mut values = Vec::with_capacity(rows.len() * columns);
        let step = |row: &[f32]| {
            let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let step = largest / 127.0;
            #[expect(clippy::cast_possible_truncation, reason = "a number from -127 to 127")]
            values.extend(row.iter().map(|value| if step > 0.0 { (value / step).round() as i8 } else { 0 }));
            step
        };
        let steps: Vec<f32> = rows.map(step).collect();
        Self::with(columns, steps.into(), values.into())
    }

    fn with(columns: usize, steps: Arc<[f32]>, values: Arc<[i8]>) -> Self {
        let mut states = Self { columns, steps, values, key: Key::default() };
        states.key = *blake3::hash(&states.to_bytes()).as_bytes();
        states
    }

    /// A hash of the states.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The length of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows, one after the other.
    #[must_use]
    pub fn rows(&self) -> Vec<f32> {
        let rows = self.values.chunks_exact(self.columns.max(1)).zip(self.steps.iter());
        rows.flat_map(|(row, step)| row.iter().map(move |value| f32::from(*value) * step)).collect()
    }

    /// The room that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.values.len() + 4 * self.steps.len()
    }

    /// As bytes: the number of rows, their steps, their values; little endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes() + 4);
        bytes.extend_from_slice(&u32::try_from(self.len()).unwrap_or_default().to_le_bytes());
        bytes.extend(self.steps.iter().flat_map(|step| step.to_le_bytes()));
        bytes.extend(self.values.iter().map(|value| value.cast_unsigned()));
        bytes
    }

    /// From the front of such bytes, and what is left of them; `None` where they are too few.
    pub(super) fn from_bytes(bytes: &[u8], columns: usize) -> Option<(Self, &[u8])> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (steps, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (values, rest) = rest.split_at_checked(count.checked_mul(columns)?)?;
        let steps = steps.as_chunks::<4>().0.iter().map(|step| f32::from_le_bytes(*step)).collect();
        let values = values.iter().map(|value| value.cast_signed()).collect();
        Some((Self::with(columns, steps, values), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_within_half_a_step() {
        let rows = [1.0, -0.5, 0.25, 0.0, 0.0, 0.0, -3.0, 2.9, 0.01];
        let states = States::of(&rows, 3);
        assert_eq!((states.len(), states.columns()), (3, 3));
        for (at, (back, was)) in states.rows().iter().zip(rows).enumerate() {
            let largest = [1.0, 0.0, 3.0][at / 3];
            assert!((back - was).abs() <= largest / 254.0 + 1e-6, "{back} {was}");
        }
    }

    #[test]
    fn states_are_written_and_read_again() {
        let states = States::of(&[1.0, -2.0, 3.0, 4.0], 2);
        let mut bytes = states.to_bytes();
        bytes.push(7);
        assert_eq!(States::from_bytes(&bytes, 2), Some((states.clone(), &[7][..])));
        assert_eq!(States::from_bytes(&bytes[..9], 2), None);
        assert_eq!(States::from_bytes(&[255; 4], 2), None);
        assert!(States::from_bytes(&States::default().to_bytes(), 2).unwrap().0.is_empty());
    }

    #[test]
    fn what_fills_no_row_is_left_out() {
        assert_eq!(States::of(&[1.0, 2.0, 3.0], 2).len(), 1);
        assert!(States::of(&[], 0).is_empty() && States::default().rows().is_empty());
    }
}
