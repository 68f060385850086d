//! Pictures: from the bytes of a file to the numbers that the labeller takes. Everything here runs on the pool's threads.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};

/// How much of a turn's pictures is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// The most bytes of one encoded picture.
    pub bytes: usize,
    /// The most pixels of one picture, by its header.
    pub pixels: u64,
    /// The most pictures of one turn.
    pub count: usize,
}

impl Default for PictureLimits {
    /// 20 MiB, 50 million pixels, 16 pictures.
    fn default() -> Self {
        Self { bytes: 20 << 20, pixels: 50_000_000, count: 16 }
    }
}

/// Why a picture could not be looked at. The words are fixed: records and metrics carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The file has more bytes than allowed.
    #[error("picture-too-large")]
    TooLarge,
    /// The header announces more pixels than allowed.
    #[error("too-many-pixels")]
    TooManyPixels,
    /// The payload is no base64.
    #[error("not-base64")]
    NotBase64,
    /// The bytes are no picture.
    #[error("not-a-picture")]
    NotAPicture,
    /// A picture of a kind that is not read here.
    #[error("unsupported-format")]
    Unsupported,
    /// It begins like a picture, and breaks off or is damaged.
    #[error("truncated-picture")]
    Truncated,
}

/// The square that a labeller sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Its side in pixels.
    pub side: u32,
    /// Its side as a part of the picture's shorter side, 0..=1.
    pub crop: f64,
}

impl Default for Frame {
    /// 260 pixels, seven eighths of the shorter side.
    fn default() -> Self {
        Self { side: 260, crop: 0.875 }
    }
}

/// A picture as the labeller takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// The side of the square in pixels.
    pub side: usize,
    /// Red, green, blue: a plane each, row by row, 0..=255.
    pub planes: Vec<f32>,
}

/// A decoded picture, upright and without transparent parts.
pub type Photo = RgbImage;

/// Decodes a png, jpeg, gif (its first frame) or webp file and makes something of it.
///
/// # Errors
/// [`PictureError`]; byte and pixel limits are held before anything is decoded, and a decoder that panics counts as [`PictureError::NotAPicture`].
pub(super) fn read<T>(
    file: &[u8],
    limits: &PictureLimits,
    make: impl FnOnce(Photo) -> Result<T, PictureError>,
) -> Result<T, PictureError> {
    if file.len() > limits.bytes {
        return Err(PictureError::TooLarge);
    }
    let format = sniff(file)?;
    let read = || decode(file, format, limits.pixels).and_then(make);
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(PictureError::NotAPicture))
}

/// The format by the file's first bytes, whatever the URL called it.
fn sniff(file: &[u8]) -> Result<ImageFormat, PictureError> {
    match image::guess_format(file) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP)) => Ok(format),
        Ok(_) => Err(PictureError::Unsupported),
        Err(_) if known_elsewhere(file) => Err(PictureError::Unsupported),
        Err(_) => Err(PictureError::NotAPicture),
    }
}

/// HEIC and its relatives, JPEG XL, JPEG 2000 and SVG: pictures, but none that is read here.
fn known_elsewhere(file: &[u8]) -> bool {
    let text = file.trim_ascii_start();
    file.get(4..8) == Some(b"ftyp")
        || [&b"\xff\x0a"[..], b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  "].iter().any(|magic| file.starts_with(magic))
        || [&b"<svg"[..], b"<?xml"].iter().any(|tag| text.starts_with(tag))
}

fn decode(file: &[u8], format: ImageFormat, most: u64) -> Result<RgbImage, PictureError> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::no_limits();
    // Room for one picture of the allowed size at the widest pixels (four channels of two bytes), and as much again for the decoder.
    limits.max_alloc = Some(most.saturating_mul(16).max(1 << 20));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| header_error(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::NotAPicture);
    }
    if u64::from(width) * u64::from(height) > most {
        return Err(PictureError::TooManyPixels);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| body_error(&error))?;
    picture.apply_orientation(orientation);
    Ok(over_white(picture))
}

fn header_error(error: &ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooManyPixels,
        ImageError::Unsupported(_) => PictureError::Unsupported,
        ImageError::IoError(_) => PictureError::Truncated,
        ImageError::Decoding(_) | ImageError::Encoding(_) | ImageError::Parameter(_) => PictureError::NotAPicture,
    }
}

fn body_error(error: &ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooManyPixels,
        ImageError::Unsupported(_) => PictureError::Unsupported,
        ImageError::IoError(_) | ImageError::Decoding(_) | ImageError::Encoding(_) | ImageError::Parameter(_) => {
            PictureError::Truncated
        }
    }
}

/// Transparent parts are shown on white, as chat clients show them.
fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture: RgbaImage = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let pixels = picture.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0;
        [red, green, blue].map(|value| blend(value, alpha))
    });
    RgbImage::from_raw(width, height, pixels.collect()).unwrap_or_default()
}

fn blend(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

/// Scales the picture so that the frame is `crop` of its shorter side, and cuts the frame out of the middle. Both at once: what lies outside is not
/// computed, so that a very long strip costs no more than a square.
pub(super) fn cut(picture: &Photo, frame: Frame) -> Result<Pixels, PictureError> {
    let (width, height) = picture.dimensions();
    let scale = f64::from(frame.side) / frame.crop / f64::from(width.min(height));
    let (left, across) = middle(width, scale, frame.side);
    let (top, down) = middle(height, scale, frame.side);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    let options = options.use_alpha(false).crop(left, top, across, down);
    let source = ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3);
    let source = source.map_err(|_| PictureError::NotAPicture)?;
    let mut target = Image::new(frame.side, frame.side, PixelType::U8x3);
    Resizer::new().resize(&source, &mut target, &options).map_err(|_| PictureError::NotAPicture)?;
    Ok(planes(target.buffer(), frame.side as usize))
}

/// The whole picture, scaled to a square whatever its shape.
pub(super) fn squashed(picture: &Photo, side: u32) -> Result<Pixels, PictureError> {
    scaled(picture, side, side).map(|rgb| planes(&rgb, side as usize))
}

/// The whole picture, scaled in its own shape into the middle of a black square.
pub(super) fn letterbox(picture: &Photo, side: u32) -> Result<Pixels, PictureError> {
    let longest = u64::from(picture.width().max(picture.height()).max(1));
    let part = |length: u32| u32::try_from(u64::from(length) * u64::from(side) / longest).unwrap_or(side).max(1);
    let (width, height) = (part(picture.width()), part(picture.height()));
    let rgb = scaled(picture, width, height)?;
    let (left, top, line, side) = ((side - width) / 2, (side - height) / 2, width as usize * 3, side as usize);
    let mut square = vec![0; side * side * 3];
    for (row, line) in square.chunks_exact_mut(side * 3).skip(top as usize).zip(rgb.chunks_exact(line)) {
        row.iter_mut().skip(left as usize * 3).zip(line).for_each(|(to, from)| *to = *from);
    }
    Ok(planes(&square, side))
}

/// The picture in other measures, three bytes a pixel.
fn scaled(picture: &Photo, width: u32, height: u32) -> Result<Vec<u8>, PictureError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3);
    let source = source.map_err(|_| PictureError::NotAPicture)?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    Resizer::new().resize(&source, &mut target, &options).map_err(|_| PictureError::NotAPicture)?;
    Ok(target.into_vec())
}

/// Where the frame begins and how far it reaches along one side of the source, when that side is scaled to a whole number of pixels first.
fn middle(length: u32, scale: f64, side: u32) -> (f64, f64) {
    let scaled = (f64::from(length) * scale).round().max(f64::from(side));
    let step = f64::from(length) / scaled;
    let first = ((scaled - f64::from(side)) / 2.0).floor();
    (first * step, f64::from(side) * step)
}

fn planes(rgb: &[u8], side: usize) -> Pixels {
    let plane = |channel: usize| rgb.iter().skip(channel).step_by(3).map(|&value| f32::from(value));
    Pixels { side, planes: (0..3).flat_map(plane).collect() }
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
