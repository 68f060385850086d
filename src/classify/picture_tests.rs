use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Frame as GifFrame, ImageEncoder, Rgb, Rgba};
use proptest::prelude::*;

use super::super::frames::has_more;
use super::*;

const LIMITS: PictureLimits = PictureLimits { bytes: 1 << 20, pixels: 1_000_000, count: 16 };

/// Left half red, right half blue.
fn flag(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) })
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn look(file: &[u8]) -> Result<Pixels, PictureError> {
    read(file, &LIMITS, |photo| cut(&photo, Frame::default()))
}

/// Red, green and blue at a place of the frame.
fn colour(pixels: &Pixels, x: usize, y: usize) -> [u8; 3] {
    let plane = pixels.side * pixels.side;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values are 0..=255")]
    [0, 1, 2].map(|channel| pixels.planes[channel * plane + y * pixels.side + x] as u8)
}

fn like(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 40)
}

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// A png whose header announces `width` by `height` pixels and which holds none.
fn announced(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&chunk);
    file.extend(crc(&chunk).to_be_bytes());
    let mut data = b"IDAT".to_vec();
    data.extend([0x78, 0x9c]);
    file.extend(2_u32.to_be_bytes());
    file.extend(&data);
    file.extend(crc(&data).to_be_bytes());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

/// A jpeg with an EXIF orientation: 6 says that it was taken with the camera turned, and is to be shown turned right.
fn turned(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut file = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new(&mut file).write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8).unwrap();
    let mut segment = vec![0xff, 0xe1];
    segment.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    segment.extend(exif);
    file.splice(2..2, segment);
    file
}

#[test]
fn the_four_formats_show_the_same_picture() {
    let picture = DynamicImage::ImageRgb8(flag(300, 200));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let pixels = look(&encoded(&picture, format)).unwrap();
        assert_eq!((pixels.side, pixels.planes.len()), (260, 3 * 260 * 260), "{format:?}");
        assert!(like(colour(&pixels, 20, 130), RED), "{format:?} {:?}", colour(&pixels, 20, 130));
        assert!(like(colour(&pixels, 240, 130), BLUE), "{format:?}");
    }
}

#[test]
fn of_an_animation_the_first_frame_is_seen() {
    let mut file = Vec::new();
    let mut gif = GifEncoder::new(&mut file);
    for colour in [Rgba([255, 0, 0, 255]), Rgba([0, 0, 255, 255])] {
        gif.encode_frame(GifFrame::new(RgbaImage::from_pixel(32, 32, colour))).unwrap();
    }
    drop(gif);
    assert!(like(colour(&look(&file).unwrap(), 130, 130), RED));
    let webp = super::super::payload::decode(ANIMATED_WEBP.as_bytes(), 1 << 10).unwrap();
    assert!(like(colour(&look(&webp).unwrap(), 130, 130), RED));
}

/// Two frames of 8 by 8 pixels, red and blue.
const ANIMATED_WEBP: &str = "UklGRoQAAABXRUJQVlA4WAoAAAACAAAABwAABwAAQU5JTQYAAAAAAAAAAABBTk1GKAAAAAAAAAAAAAcAAAcAAGQAAAJWUDhMDwAAAC8HwAEABxD9j\
    /4HIqL/AQBBTk1GKAAAAAAAAAAAAAcAAAcAAGQAAABWUDhMDwAAAC8HwAEABxDR//4HIqL/AQA=";

#[test]
fn a_file_with_more_frames_than_the_first_is_known() {
    let one = DynamicImage::ImageRgb8(flag(32, 32));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        assert!(!has_more(&encoded(&one, format)), "{format:?}");
    }
    let gif = |frames: usize, repeats: bool| {
        let mut file = Vec::new();
        let mut gif = GifEncoder::new(&mut file);
        if repeats {
            gif.set_repeat(Repeat::Infinite).unwrap();
        }
        for _ in 0..frames {
            gif.encode_frame(GifFrame::new(RgbaImage::from_pixel(32, 32, Rgba([255, 0, 0, 255])))).unwrap();
        }
        drop(gif);
        file
    };
    assert!(has_more(&gif(2, false)) && has_more(&gif(3, true)) && !has_more(&gif(1, true)));
    assert!(has_more(&super::super::payload::decode(ANIMATED_WEBP.as_bytes(), 1 << 10).unwrap()));
    // What is broken off has no more frames, and harms nothing.
    let whole = gif(2, true);
    assert!((0..whole.len() / 2).all(|length| !has_more(&whole[..length])));
}

/// A png that announces an animation of `frames`, of which its own picture is the first or none.
fn animated_png(frames: u32, first: bool) -> Vec<u8> {
    let mut file = encoded(&DynamicImage::ImageRgb8(RgbImage::from_pixel(32, 32, Rgb(RED))), ImageFormat::Png);
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let named = [kind, data].concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], &named, &crc(&named).to_be_bytes()].concat()
    };
    let control = [0_u32, 32, 32, 0, 0].map(u32::to_be_bytes).concat();
    let control = [&control[..], &[0, 1, 0, 10, 0, 0]].concat();
    let mut chunks = chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat());
    if first {
        chunks.extend(chunk(b"fcTL", &control));
    }
    let behind_the_header = 8 + 25;
    file.splice(behind_the_header..behind_the_header, chunks);
    file
}

#[test]
fn of_an_animated_png_its_own_picture_is_seen_and_the_others_are_known() {
    for (frames, first, more) in [(2, true, true), (1, true, false), (1, false, true), (7, false, true)] {
        let file = animated_png(frames, first);
        assert!(like(colour(&look(&file).unwrap(), 130, 130), RED), "{frames} {first}");
        assert_eq!(has_more(&file), more, "{frames} {first}");
    }
}

/// A jpeg of 16 by 16 pixels in the four colours of print (CMYK, inverted as Adobe writes it): magenta and yellow, which is red.
const PRINT_JPEG: &str = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6pseZqKuk/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EAB\
    UAAQEAAAAAAAAAAAAAAAAAAAAG/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwCmTKZUwAAAD//Z";

#[test]
fn deep_colours_and_those_of_print_are_read() {
    let deep =
        image::ImageBuffer::from_fn(300, 200, |x, _| Rgb(if x < 150 { [u16::MAX, 0, 0] } else { [0, 0, u16::MAX] }));
    let clear = image::ImageBuffer::from_pixel(40, 40, image::LumaA([0_u16, 0]));
    let deep = look(&encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png)).unwrap();
    assert!(like(colour(&deep, 20, 130), RED) && like(colour(&deep, 240, 130), BLUE));
    let clear = look(&encoded(&DynamicImage::ImageLumaA16(clear), ImageFormat::Png)).unwrap();
    assert_eq!(colour(&clear, 130, 130), [255; 3]);
    let print = super::super::payload::decode(PRINT_JPEG.as_bytes(), 1 << 10).unwrap();
    assert!(like(colour(&look(&print).unwrap(), 130, 130), RED), "{:?}", colour(&look(&print).unwrap(), 130, 130));
}

#[test]
fn a_picture_taken_with_the_camera_turned_is_shown_upright() {
    let upright = look(&turned(&flag(300, 300), 1)).unwrap();
    assert!(like(colour(&upright, 20, 130), RED) && like(colour(&upright, 240, 130), BLUE));
    let turned = look(&turned(&flag(300, 300), 6)).unwrap();
    assert!(like(colour(&turned, 130, 20), RED) && like(colour(&turned, 130, 240), BLUE));
}

#[test]
fn transparent_parts_are_white() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(40, 40, Rgba([0, 0, 0, 0])));
    assert_eq!(colour(&look(&encoded(&clear, ImageFormat::Png)).unwrap(), 130, 130), [255, 255, 255]);
    let half = RgbaImage::from_pixel(40, 40, Rgba([0, 0, 0, 128]));
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).encode(&half, 40, 40, ExtendedColorType::Rgba8).unwrap();
    assert!(like(colour(&look(&webp).unwrap(), 130, 130), [127, 127, 127]));
}

#[test]
fn each_flaw_has_its_word() {
    let png = encoded(&DynamicImage::ImageRgb8(flag(300, 200)), ImageFormat::Png);
    let cut = |file: &[u8], length: usize| file[..length].to_vec();
    let many = LIMITS.bytes + 1;
    for (file, expected) in [
        (Vec::new(), "not-a-picture"),
        (b"Hello, this is no picture at all.".to_vec(), "not-a-picture"),
        (b"%PDF-1.7".to_vec(), "not-a-picture"),
        (b"BM0000000000000000".to_vec(), "unsupported-format"),
        (b"II*\0\x08\0\0\0".to_vec(), "unsupported-format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), "unsupported-format"),
        (b" <svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "unsupported-format"),
        (vec![0; many], "picture-too-large"),
        (announced(10_000, 10_000), "too-many-pixels"),
        (announced(u32::MAX >> 1, u32::MAX >> 1), "too-many-pixels"),
        (announced(100, 100), "truncated-picture"),
        (cut(&png, 20), "truncated-picture"),
        (cut(&png, png.len() / 2), "truncated-picture"),
        (announced(0, 10), "not-a-picture"),
    ] {
        let start: Vec<u8> = file.iter().copied().take(32).collect();
        assert_eq!(look(&file).unwrap_err().to_string(), expected, "{start:?}");
    }
}

#[test]
fn a_strip_costs_no_more_than_a_square() {
    let strip = DynamicImage::ImageRgb8(flag(100_000, 1));
    let pixels = look(&encoded(&strip, ImageFormat::Png)).unwrap();
    assert_eq!(pixels.planes.len(), 3 * 260 * 260);
}

#[test]
fn the_frame_is_the_middle_of_the_picture() {
    // 594 by 297 pixels are exactly twice and once the scaled side: the frame begins at (594 - 260) / 2 and (297 - 260) / 2.
    let picture = RgbImage::from_fn(594, 297, |x, y| {
        let inside = (167..427).contains(&x) && (18..278).contains(&y);
        Rgb(if inside { [255, 255, 255] } else { [0, 0, 0] })
    });
    let frame = Frame { side: 260, crop: 260.0 / 297.0 };
    let pixels =
        read(&encoded(&DynamicImage::ImageRgb8(picture), ImageFormat::Png), &LIMITS, |photo| cut(&photo, frame))
            .unwrap();
    assert!(pixels.planes.iter().all(|&value| value > 250.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_makes_it_panic(format in 0_usize..4, at in 0_usize..400, value: u8, length in 1_usize..2_000) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
        let mut file = encoded(&DynamicImage::ImageRgb8(flag(48, 32)), formats[format]);
        file.truncate(length);
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = look(&file);
    }
}

#[test]
fn a_picture_lies_in_the_middle_of_its_square() {
    let square = letterbox(&Photo::from_pixel(400, 200, image::Rgb([200, 100, 50])), 192).unwrap();
    let red = |x: usize, y: usize| square.planes[y * 192 + x];
    let middle_and_edges = [red(96, 96), red(0, 96), red(96, 10), red(96, 190)];
    assert!(middle_and_edges.iter().zip([200.0, 200.0, 0.0, 0.0]).all(|(found, there)| (found - there).abs() < 1.0));
    assert_eq!(letterbox(&Photo::from_pixel(5000, 1, image::Rgb([9; 3])), 192).map(|square| square.side), Ok(192));
    assert_eq!(squashed(&Photo::from_pixel(3, 500, image::Rgb([9; 3])), 8).map(|square| square.planes.len()), Ok(192));
}
