//! One part of a message's content.

use bytes::Bytes;

use super::Error;
use super::content::BREAKPOINTS;
use super::json::{Cursor, Kind, Path, spelt};
use super::picture::picture;
use crate::domain::{Part, Picture, UnreadPicture};

/// What a part's object says.
#[derive(Default)]
struct Fields {
    kind: Option<String>,
    text: Option<String>,
    refusal: Option<String>,
    picture: Option<Picture>,
    file_id: bool,
    breakpoint: bool,
}

/// Reads the part at the cursor, and whether a prompt cache ends at it.
///
/// A part without `type` is read by its other keys, and a bare string is a text, since some model servers read them so.
pub(super) fn read(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(Part, bool), Error> {
    if let Some(text) = cursor.text() {
        return Ok((Part::Text(text.into()), false));
    }
    if cursor.kind() != Kind::Object {
        return Ok((Part::Other(cursor.kind().word().to_owned()), false));
    }
    let mut fields = Fields::default();
    cursor.object(path, |cursor, name, path| fields.read(body, cursor, name, path))?;
    let breakpoint = fields.breakpoint;
    Ok((fields.part(), breakpoint))
}

impl Fields {
    fn read(&mut self, body: &Bytes, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        spelt(name, &["type", "text", "image_url"], path)?;
        match name {
            "type" if cursor.kind() != Kind::Null => {
                self.kind = Some(cursor.text().ok_or_else(|| path.is_not("a string"))?.into());
            }
            "text" => self.text = cursor.text().map(Into::into),
            "refusal" => self.refusal = cursor.text().map(Into::into),
            "image_url" | "image" | "url" => self.url(body, cursor, path)?,
            "file_id" => self.file_id = cursor.kind() == Kind::Text,
            key if BREAKPOINTS.contains(&key) => self.breakpoint = cursor.skip(path)? != "null",
            _ => {}
        }
        Ok(())
    }

    /// A URL, or an object with one.
    fn url(&mut self, body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        if let Some(url) = cursor.raw() {
            self.picture = Some(picture(body, url));
        } else if cursor.kind() == Kind::Object {
            cursor.object(path, |cursor, name, _| {
                if name == "url" {
                    self.picture = cursor.raw().map(|url| picture(body, url)).or(self.picture.take());
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn part(self) -> Part {
        let Self { kind, text, refusal, picture, file_id, .. } = self;
        let said = text.map(Part::Text);
        let unread = if file_id { UnreadPicture::FileId } else { UnreadPicture::BadUrl };
        match kind.as_deref() {
            Some("text" | "input_text" | "output_text") => said.unwrap_or_else(|| Part::Other("text".to_owned())),
            Some("refusal") => refusal.map_or_else(|| Part::Other("refusal".to_owned()), Part::Text),
            Some("image_url" | "input_image" | "image" | "computer_screenshot") => {
                Part::Picture(picture.unwrap_or(Picture::Unread(unread)))
            }
            Some(other) => Part::Other(other.chars().take(40).collect()),
            None => picture
                .map(Part::Picture)
                .or(said)
                .or(refusal.map(Part::Text))
                .unwrap_or_else(|| Part::Other("untyped".to_owned())),
        }
    }
}
