//! Animations: whether a file has frames beside the one that is looked at. Only its marks are read; nothing is decoded, and what is broken has no more frames.

/// Whether a gif, png or webp file has more frames than the first, or a jpeg (which has one).
pub(super) fn has_more(file: &[u8]) -> bool {
    if let Some(chunks) = file.strip_prefix(b"\x89PNG\r\n\x1a\n") {
        png(chunks)
    } else if file.starts_with(b"GIF8") {
        gif(file).is_some()
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        webp(file.get(12..).unwrap_or_default())
    } else {
        false
    }
}

/// An animation says how many frames it has before the picture that every viewer shows, which is one of them where a frame's control stands before it, too.
fn png(mut rest: &[u8]) -> bool {
    let (mut frames, mut shown) = (0, 0);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Some((kind, data)) = behind.split_first_chunk::<4>() else { break };
        match kind {
            b"acTL" => frames = data.first_chunk().map_or(0, |count| u32::from_be_bytes(*count)),
            b"fcTL" => shown = 1,
            b"IDAT" => break,
            _ => {}
        }
        // The data, and its sum behind it.
        let length = u32::from_be_bytes(*length) as usize;
        rest = length.checked_add(4).and_then(|length| data.get(length..)).unwrap_or_default();
    }
    frames > shown
}

fn webp(mut rest: &[u8]) -> bool {
    let mut frames = 0;
    while let Some((kind, behind)) = rest.split_first_chunk::<4>() {
        let Some((length, data)) = behind.split_first_chunk::<4>() else { break };
        frames += u32::from(kind == b"ANMF");
        // A chunk of an odd length has a byte of padding.
        let length = u32::from_le_bytes(*length) as usize;
        rest = length.checked_next_multiple_of(2).and_then(|length| data.get(length..)).unwrap_or_default();
    }
    frames > 1
}

/// `Some` where there is a second picture.
fn gif(file: &[u8]) -> Option<()> {
    let mut frames = 0;
    let mut rest = file.get(13 + table(*file.get(10)?)..)?;
    while let Some((kind, behind)) = rest.split_first() {
        rest = match kind {
            b'!' => blocks(behind.get(1..)?)?,
            b',' if frames == 1 => return Some(()),
            b',' => {
                frames += 1;
                // Place and measures, colours of its own, and the size of the codes.
                blocks(behind.get(9 + table(*behind.get(8)?) + 1..)?)?
            }
            _ => return None,
        };
    }
    None
}

/// The bytes of the colours that flags announce.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// What stands behind blocks of data that end with an empty one.
fn blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, behind) = rest.split_first()?;
        rest = behind.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(rest);
        }
    }
}
