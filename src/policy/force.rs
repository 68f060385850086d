//! The policy in force for one turn: the norms of its countries, on the terms that the layers give them.

use std::sync::Arc;

use crate::domain::{Adjustment, Context, Country, Norm, NormId, Step};

use super::floor::Floor;
use super::overlay::Overlay;
use super::pack::Pack;
use super::set::PolicySet;
use super::terms::{Entry, Origin, Refusal, Scope, Terms};

/// What holds for one turn: the norms in play and the floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    norms: Vec<Arc<Norm>>,
    /// The norms' terms, in the same order.
    terms: Vec<Terms>,
    /// What the layers above the packs did that cannot be seen from the norms in play.
    layers: Vec<Step>,
    floor: Arc<Floor>,
}

impl Policy {
    /// The norms in play, in the order of the turn's countries and of their packs; those that overlays add come last.
    #[must_use]
    pub fn norms(&self) -> &[Arc<Norm>] {
        &self.norms
    }

    /// The floor.
    #[must_use]
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// The same policy with those norms alone of which `kept` says so.
    #[must_use]
    pub fn only(mut self, kept: impl Fn(&NormId) -> bool) -> Self {
        let (norms, terms) = self.norms.into_iter().zip(self.terms).filter(|(norm, _)| kept(&norm.id)).unzip();
        (self.norms, self.terms) = (norms, terms);
        self
    }

    /// The probability in 0..=1 from which a norm counts as at stake, where the models' calibrated threshold is `models`.
    #[must_use]
    pub fn threshold(&self, norm: &NormId, models: f32) -> f32 {
        let found = self.entries().find(|(entry, _)| entry.id == *norm);
        found.map_or(models, |(_, terms)| terms.threshold(models).0)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Arc<Norm>, &Terms)> {
        self.norms.iter().zip(&self.terms)
    }

    pub(super) fn layers(&self) -> &[Step] {
        &self.layers
    }
}

impl PolicySet {
    /// What holds for a turn: the norms of its countries are in play, none where it names none, on the terms that its layers give them. Overlays that are
    /// not among these policies are passed over (see [`PolicySet::unknown`]). Cheap: no text is copied that no overlay words anew for a second time.
    #[must_use]
    pub fn of(&self, context: &Context) -> Policy {
        let mut countries: Vec<Country> = Vec::new();
        for country in context.countries() {
            if !countries.contains(&country) {
                countries.push(country);
            }
        }
        let packs = countries.iter().filter_map(|country| self.packs.get(country));
        let mut making = Making { entries: packs.flat_map(Pack::entries).collect(), steps: Vec::new() };
        for overlay in self.in_force(context) {
            making.lay(overlay, &countries, &self.floor);
        }
        for adjustment in &context.layers.request {
            making.adjust(adjustment, &self.floor);
        }
        making.done(Arc::clone(&self.floor))
    }

    /// The overlays that a turn is under, in the order in which they speak.
    fn in_force(&self, context: &Context) -> impl Iterator<Item = &Overlay> {
        let named = |overlay: &Overlay| {
            let mut from_text = context.places.iter().filter(|place| overlay.country == Some(place.country));
            context.layers.overlays().any(|(layer, name)| layer == overlay.layer && *name == *overlay.name)
                || from_text.any(|place| place.regions.iter().any(|region| **region == *overlay.name))
        };
        self.overlays.iter().filter(move |overlay| named(overlay))
    }
}

struct Making {
    entries: Vec<Entry>,
    steps: Vec<Step>,
}

impl Making {
    fn lay(&mut self, overlay: &Overlay, countries: &[Country], floor: &Floor) {
        let by = overlay.origin();
        let mine = |entry: &&mut Entry| overlay.country.is_none_or(|country| entry.id().country() == country);
        if overlay.country.is_some_and(|country| !countries.contains(&country)) {
            return;
        }
        self.steps.push(Step { norm: None, says: format!("{by} is in force") });
        for entry in self.entries.iter_mut().filter(mine) {
            // What an overlay says of all norms is no word about one that is locked: a refusal of it is not told.
            drop(entry.grant(&overlay.general(entry), &by, Scope::Strength, floor));
            let Some(change) = overlay.changes.get(entry.id()) else { continue };
            let refused = entry.grant(&change.wish, &by, Scope::Norm, floor);
            self.steps.extend(refusals(entry.id(), &by, &refused));
            change.reword(entry);
            if change.lock {
                entry.terms.lock.get_or_insert_with(|| by.clone());
            }
        }
        let added = overlay.entries().filter(|entry| countries.contains(&entry.id().country()));
        self.entries.extend(added);
    }

    fn adjust(&mut self, adjustment: &Adjustment, floor: &Floor) {
        let Adjustment { norm, wish } = adjustment;
        let meant = |entry: &&mut Entry| norm.as_ref().is_none_or(|norm| norm == entry.id());
        for entry in self.entries.iter_mut().filter(meant) {
            let refused = entry.grant(wish, &Origin::Request, Scope::Norm, floor);
            if norm.is_some() {
                self.steps.extend(refusals(entry.id(), &Origin::Request, &refused));
            }
        }
    }

    fn done(mut self, floor: Arc<Floor>) -> Policy {
        let (mut norms, mut terms) = (Vec::with_capacity(self.entries.len()), Vec::with_capacity(self.entries.len()));
        for entry in self.entries {
            if let Some(by) = entry.off {
                let says = format!("{by} switches it off");
                self.steps.push(Step { norm: Some(entry.norm.id.clone()), says });
            } else {
                norms.push(entry.norm);
                terms.push(entry.terms);
            }
        }
        Policy { norms, terms, layers: self.steps, floor }
    }
}

fn refusals(norm: &NormId, by: &Origin, refused: &[Refusal]) -> Vec<Step> {
    let step =
        |refusal: &Refusal| Step { norm: Some(norm.clone()), says: format!("{by} does not get its way: {refusal}") };
    refused.iter().map(step).collect()
}

#[cfg(test)]
#[path = "force_tests.rs"]
mod tests;
