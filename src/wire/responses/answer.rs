//! A whole answer.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::wire::Error;
use crate::wire::json::{self, Path};
use crate::wire::splice::Edits;
use crate::wire::surface::Beside;

use super::output::Output;

/// A response as it came, and what was read in it.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Answer {
    body: Bytes,
    output: Output,
}

impl Answer {
    /// Reads a response.
    pub(in crate::wire) fn read(body: Bytes) -> Result<Self, Error> {
        let (mut output, mut found) = (Output::default(), false);
        json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            found |= name == "output";
            output.response(cursor, name, path)
        })?;
        output.complete();
        if found { Ok(Self { body, output }) } else { Err(Error::MissingOutput) }
    }

    /// The texts, with the number of their part.
    pub(in crate::wire) fn texts(&self) -> Vec<(u32, String)> {
        self.output.texts.iter().map(|text| (text.key, text.said.clone())).collect()
    }

    /// What it says in all: its texts, without those that are said on the way where there are others.
    pub(in crate::wire) fn said(&self) -> String {
        let answers = |text: &&super::output::Text| !text.aside;
        let texts: Vec<_> = self.output.texts.iter().filter(answers).map(|text| text.said.as_str()).collect();
        let all = || self.output.texts.iter().map(|text| text.said.as_str()).collect();
        let texts: Vec<&str> = if texts.is_empty() { all() } else { texts };
        texts.join("\n\n")
    }

    /// What stands beside the texts.
    pub(in crate::wire) fn beside(&self) -> Vec<Beside> {
        self.output.beside.clone()
    }

    /// The response with other texts, or without what is heard alone.
    pub(in crate::wire) fn rewritten(&self, shown: &BTreeMap<u32, String>) -> Bytes {
        let mut edits = Edits::default();
        if shown.is_empty() {
            self.output.without_sounds(&mut edits);
        } else {
            self.output.rewrite(shown, &mut edits);
            self.output.without_echoes(&mut edits);
        }
        edits.apply(&self.body).into()
    }
}
