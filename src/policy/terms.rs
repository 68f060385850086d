//! On which terms a norm is in force: what is done, from which probability, and which layer said so.

use std::fmt;
use std::sync::Arc;

use crate::domain::{Action, Layer, Norm, NormId, Wish};

use super::floor::Floor;

/// A layer of policy, in the order in which they speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// `floor.toml`.
    Floor,
    /// The country's pack.
    Pack,
    /// An overlay, by its kind and name.
    Overlay(Layer, Arc<str>),
    /// The request itself.
    Request,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floor => f.write_str("the floor"),
            Self::Pack => f.write_str("the pack"),
            Self::Overlay(layer, name) => write!(f, "{layer} {name}"),
            Self::Request => f.write_str("the request"),
        }
    }
}

/// For what a layer chose an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// For this norm.
    Norm,
    /// For all norms of its strength.
    Strength,
    /// For all norms of its strength, and no other layer may choose another.
    Locked,
}

/// On which terms a norm is in force.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    /// What is done when it is at stake.
    pub(super) action: Action,
    /// Which layer chose that, and for what.
    pub(super) action_by: (Origin, Scope),
    /// From which probability it counts as at stake; `None`: from the models' calibrated threshold on.
    pub(super) threshold: Option<Threshold>,
    /// The layer that locked the norm: those behind it may tighten, never loosen.
    pub(super) lock: Option<Origin>,
}

/// A threshold that a layer states.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Threshold {
    /// A probability in 0..=1.
    pub(super) value: f32,
    /// Which layer states it.
    pub(super) by: Origin,
    /// It counts only where it is lower than the models': the norm is locked, and no layer before states one.
    pub(super) at_most: bool,
}

impl Threshold {
    pub(super) fn stated(value: f32, by: Origin) -> Self {
        Self { value, by, at_most: false }
    }
}

impl Terms {
    /// From which probability the norm counts as at stake, and which layer said so; `None`: it is the models' own threshold.
    pub(super) fn threshold(&self, models: f32) -> (f32, Option<&Origin>) {
        match &self.threshold {
            Some(stated) if !stated.at_most || stated.value < models => (stated.value, Some(&stated.by)),
            Some(_) | None => (models, None),
        }
    }
}

/// Why a layer does not get what it wishes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// The floor holds all norms of the strength at one action.
    Held(Action),
    /// The floor asks for at least this.
    BelowFloor(Action),
    /// An earlier layer locked the norm, or the floor lets requests tighten only.
    Locked(Origin),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(action) => write!(f, "the floor locks norms of its strength at `{action}`"),
            Self::BelowFloor(action) => write!(f, "the floor asks for `{action}` at least"),
            Self::Locked(by) => write!(f, "{by} locks it: what comes later may be stricter, never milder"),
        }
    }
}

/// A norm in play and the terms on which it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) norm: Arc<Norm>,
    pub(super) terms: Terms,
    /// The layer that switched it off.
    pub(super) off: Option<Origin>,
}

impl Entry {
    pub(super) fn new(norm: Arc<Norm>, terms: Terms) -> Self {
        Self { norm, terms, off: None }
    }

    pub(super) fn id(&self) -> &NormId {
        &self.norm.id
    }

    /// Grants a layer what it wishes, as far as the layers before it leave it open. What it does not get is returned.
    pub(super) fn grant(&mut self, wish: &Wish, by: &Origin, scope: Scope, floor: &Floor) -> Vec<Refusal> {
        let mut refused = Vec::new();
        let lock = self.lock_against(by, floor);
        match (wish.off, &lock) {
            (None, _) => {}
            (Some(true), Some(lock)) => refused.push(Refusal::Locked(lock.clone())),
            (Some(true), None) => self.off = Some(by.clone()),
            (Some(false), _) => self.off = None,
        }
        if let Some(action) = wish.action {
            if let Some(refusal) = self.refusal(action, lock.as_ref(), floor) {
                refused.push(refusal);
            } else {
                (self.terms.action, self.terms.action_by) = (action, (by.clone(), scope));
            }
        }
        if let Some(threshold) = wish.threshold {
            let looser = self.terms.threshold.as_ref().is_some_and(|old| threshold > old.value);
            // Under a lock that states none, the models' own threshold is what must not be exceeded.
            let at_most = lock.is_some() && self.terms.threshold.as_ref().is_none_or(|old| old.at_most);
            match lock.filter(|_| looser) {
                Some(lock) => refused.push(Refusal::Locked(lock)),
                None => self.terms.threshold = Some(Threshold { value: threshold, by: by.clone(), at_most }),
            }
        }
        refused
    }

    /// What keeps a layer from loosening.
    pub(super) fn lock_against(&self, by: &Origin, floor: &Floor) -> Option<Origin> {
        let held_back = *by == Origin::Request && floor.requests_tighten;
        self.terms.lock.clone().or(held_back.then_some(Origin::Floor))
    }

    fn refusal(&self, action: Action, lock: Option<&Origin>, floor: &Floor) -> Option<Refusal> {
        let least = floor.action(self.norm.strength);
        if floor.locks.contains(&self.norm.strength) {
            return (action != self.terms.action).then_some(Refusal::Held(self.terms.action));
        }
        if action < least {
            return Some(Refusal::BelowFloor(least));
        }
        lock.filter(|_| action < self.terms.action).cloned().map(Refusal::Locked)
    }
}
