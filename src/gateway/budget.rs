//! Room for the bodies that are held in memory, for all requests together. Without it, memory would grow with the number of requests times the largest body.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What room is counted in: a page.
const UNIT: usize = 4096;

/// The room that there is.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
    units: usize,
}

impl Budget {
    /// Room for so many bytes, rounded up to a page.
    pub(super) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)), units }
    }

    /// Bytes that are taken now.
    pub(super) fn taken(&self) -> u64 {
        (self.units.saturating_sub(self.free.available_permits()) * UNIT) as u64
    }

    /// Nothing yet, for one request.
    pub(super) fn room(&self) -> Room {
        Room { budget: self.clone(), taken: Arc::default() }
    }
}

/// The room that one request has taken. It is free again when its last holder lets go.
#[derive(Debug, Clone)]
pub(super) struct Room {
    budget: Budget,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Whether there is room for so many more bytes now. None is taken.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        bytes.div_ceil(UNIT) <= self.budget.free.available_permits()
    }

    /// Takes room for so many more bytes. `false`: there is none, and nothing was taken.
    #[must_use]
    pub(super) fn take(&self, bytes: usize) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = taken.bytes.saturating_add(bytes);
        let held = taken.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = wanted.div_ceil(UNIT).saturating_sub(held);
        let Ok(units) = u32::try_from(more) else { return false };
        match Arc::clone(&self.budget.free).try_acquire_many_owned(units) {
            Ok(permit) => match &mut taken.permit {
                Some(held) => held.merge(permit),
                None => taken.permit = Some(permit),
            },
            Err(_) => return false,
        }
        taken.bytes = wanted;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_shared_and_comes_back() {
        let budget = Budget::new(10 * UNIT);
        let (one, other) = (budget.room(), budget.room());
        assert!(one.take(6 * UNIT) && !other.take(5 * UNIT) && other.take(4 * UNIT));
        assert_eq!(budget.taken(), 10 * UNIT as u64);
        let held = one.clone();
        drop(one);
        assert!(!other.take(1), "somebody still holds it");
        drop(held);
        assert!(other.take(1) && other.take(UNIT - 1) && other.take(5 * UNIT) && !other.take(1));
    }

    #[test]
    fn small_pieces_share_a_page() {
        let budget = Budget::new(UNIT);
        let room = budget.room();
        assert!(room.fits(UNIT) && room.fits(UNIT), "asking takes nothing");
        assert!((0..UNIT).all(|_| room.take(1)) && !room.take(1) && !room.fits(1));
        assert!(!budget.room().take(usize::MAX));
    }
}
