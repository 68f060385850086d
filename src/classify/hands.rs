//! Hands and what they sign: palms are found, each hand is cut out upright, and the places of its 21 joints tell which fingers are stretched.
//!
//! The joints are numbered as the model numbers them: 0 the wrist, then four for each finger from the thumb on, its tip last.

use serde::Deserialize;

use crate::domain::Label;

use super::bundle::Bundle;
use super::detectors::Session;
use super::engine::{Engine, Graph};
use super::loaded::{outputs, rows};
use super::model::ModelError;
use super::network::Tensor;
use super::options::OpenError;
use super::picture::{self, Photo, Pixels};

/// The side of the square in which palms are looked for, in pixels.
const WHOLE: u32 = 192;
/// The side of the square that holds one hand, in pixels.
const CUT: usize = 224;
/// The most hands of a picture that are looked at, those of the surest palms.
const MOST: usize = 2;
/// How many numbers tell of a palm: its box, and seven points.
const PALM: usize = 18;
/// A hand reaches that far beyond its palm: the side of its square by that of the palm's box.
const REACH: f32 = 2.6;
/// The square lies that far towards the fingers, in sides of the palm's box.
const SHIFT: f32 = 0.5;

const OK: &str = "ok hand sign";
const GESTURE: &str = "hand gesture";
/// The gestures by the stretched fingers: index, middle, ring, little. Thumbs up, thumbs down and [`OK`] need more than that.
const GESTURES: [([bool; 4], Thumb, &str); 6] = [
    ([true, true, false, false], Thumb::Either, "victory hand sign"),
    ([true, false, false, true], Thumb::Either, "horned hand sign"),
    ([false, true, false, false], Thumb::Either, "middle finger"),
    ([true, false, false, false], Thumb::Either, "pointing finger"),
    ([false, false, false, true], Thumb::Stretched, "call me hand sign"),
    ([true, true, true, true], Thumb::Stretched, "open palm"),
];
const THUMBS: [&str; 2] = ["thumbs up", "thumbs down"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Thumb {
    Stretched,
    Either,
}

#[derive(Deserialize)]
struct Facts {
    threshold: f32,
}

/// Two graphs: `palms.onnx`, `image` f32 `[1,3,192,192]` -> `scores` `[P]`, `palms` `[P,18]` in parts of the square; and `hand.onnx`,
/// `image` f32 `[1,3,224,224]` -> `presence` `[1]`, `points` `[21,3]` in metres. Pixels are RGB, 0..=255.
#[derive(Debug)]
pub(super) struct Hands {
    palms: Graph,
    hand: Graph,
    threshold: f32,
}

impl Hands {
    /// Opens the bundle.
    pub(super) fn open(bundle: &Bundle, engine: &Engine) -> Result<Self, OpenError> {
        let Facts { threshold } = bundle.facts()?;
        let palms = engine.load(&bundle.file("palms.onnx")?)?;
        Ok(Self { palms, hand: engine.load(&bundle.file("hand.onnx")?)?, threshold })
    }

    /// What it can find.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        GESTURES.into_iter().map(|(_, _, name)| name).chain(THUMBS).chain([OK, GESTURE])
    }

    /// The gestures in a picture, each as sure as the hand that makes it.
    pub(super) fn detect(
        &self,
        palms: &mut Session,
        hand: &mut Session,
        picture: &Photo,
    ) -> Result<Vec<Label>, ModelError> {
        let square = picture::letterbox(picture, WHOLE).map_err(|flaw| ModelError::Other(flaw.to_string()))?;
        let image = Tensor::floats(&[1, 3, square.side, square.side], square.planes);
        let [scores, boxes] = outputs(palms.on(&self.palms, &["scores", "palms"])?, &[("image", image)])?;
        rows(boxes.len(), scores.len() * PALM)?;
        let mut found: Vec<Label> = Vec::new();
        for (score, palm) in palms_in(&scores, &boxes, self.threshold) {
            let view = View::on(&palm, picture.width().max(picture.height()));
            let image = Tensor::floats(&[1, 3, CUT, CUT], view.cut(picture).planes);
            let session = hand.on(&self.hand, &["presence", "points"])?;
            let [presence, points] = outputs(session, &[("image", image)])?;
            let presence = presence.first().copied().unwrap_or_default();
            let Ok(points) = <[f32; 63]>::try_from(points) else {
                return Err(ModelError::Other("a hand has other than 21 joints".to_owned()));
            };
            let Some(name) = gesture(&view.upright(&points)).filter(|_| presence >= self.threshold) else { continue };
            for name in [name, GESTURE] {
                match found.iter_mut().find(|one| one.name == name) {
                    Some(one) => one.probability = one.probability.max(score.min(presence)),
                    None => found.push(Label { name: name.to_owned(), probability: score.min(presence) }),
                }
            }
        }
        Ok(found)
    }
}

/// A palm, in parts of the square's side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Palm {
    x: f32,
    y: f32,
    /// The longer side of its box.
    side: f32,
    wrist: (f32, f32),
    /// Where the middle finger begins.
    middle: (f32, f32),
}

/// The surest palms, each with its score; one that lies on a surer one is the same.
fn palms_in(scores: &[f32], boxes: &[f32], threshold: f32) -> Vec<(f32, Palm)> {
    let mut sure: Vec<(f32, Palm)> = scores
        .iter()
        .zip(boxes.as_chunks::<PALM>().0)
        .filter(|(score, _)| **score >= threshold)
        .map(|(score, &[x, y, width, height, wx, wy, _, _, mx, my, ..])| {
            (*score, Palm { x, y, side: width.max(height), wrist: (wx, wy), middle: (mx, my) })
        })
        .collect();
    sure.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut chosen: Vec<(f32, Palm)> = Vec::new();
    for (score, palm) in sure {
        let on = |other: &Palm| (palm.x - other.x).hypot(palm.y - other.y) < other.side / 2.0;
        if chosen.len() < MOST && !chosen.iter().any(|(_, other)| on(other)) {
            chosen.push((score, palm));
        }
    }
    chosen
}

/// The square that holds a hand, with its fingers upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    /// The middle, in pixels of the letterboxed picture.
    x: f32,
    y: f32,
    /// Pixels of the picture for one of the cut.
    scale: f32,
    /// By how much the cut is turned.
    sin: f32,
    cos: f32,
}

impl View {
    /// The view on a palm in a square of that many pixels.
    fn on(palm: &Palm, side: u32) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "pixels of a picture")]
        let side = side as f32;
        let (dx, dy) = (palm.middle.0 - palm.wrist.0, palm.middle.1 - palm.wrist.1);
        let (sin, cos) = (dy.atan2(dx) + std::f32::consts::FRAC_PI_2).sin_cos();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let scale = REACH * palm.side * side / CUT as f32;
        let shift = SHIFT * palm.side;
        Self { x: (palm.x + sin * shift) * side, y: (palm.y - cos * shift) * side, scale, sin, cos }
    }

    /// Turns a place of the cut, counted from its middle, as the picture is turned.
    fn turned(&self, x: f32, y: f32) -> (f32, f32) {
        (self.cos * x - self.sin * y, self.sin * x + self.cos * y)
    }

    /// The pixels of the cut; what lies beyond the picture is black.
    fn cut(&self, picture: &Photo) -> Pixels {
        let (width, height) = picture.dimensions();
        #[expect(clippy::cast_precision_loss, reason = "pixels of a picture")]
        let (left, top) = {
            let longest = width.max(height);
            (((longest - width) / 2) as f32, ((longest - height) / 2) as f32)
        };
        let mut planes = vec![0.0; 3 * CUT * CUT];
        let (red, rest) = planes.split_at_mut(CUT * CUT);
        let (green, blue) = rest.split_at_mut(CUT * CUT);
        let pixels = (0..CUT * CUT).zip(red.iter_mut().zip(green.iter_mut().zip(blue)));
        for (index, (red, (green, blue))) in pixels {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let from_middle = |at: usize| at as f32 + 0.5 - CUT as f32 / 2.0;
            let (x, y) = self.turned(from_middle(index % CUT), from_middle(index / CUT));
            let (x, y) = (self.x + self.scale * x - left - 0.5, self.y + self.scale * y - top - 0.5);
            [*red, *green, *blue] = between(picture, x, y);
        }
        Pixels { side: CUT, planes }
    }

    /// The joints as the picture shows them, up being up.
    fn upright(&self, points: &[f32; 63]) -> [[f32; 3]; 21] {
        let mut upright = [[0.0; 3]; 21];
        for (to, &[x, y, z]) in upright.iter_mut().zip(points.as_chunks::<3>().0) {
            let (x, y) = self.turned(x, y);
            *to = [x, y, z];
        }
        upright
    }
}

/// The colour at a place between pixels.
fn between(picture: &Photo, x: f32, y: f32) -> [f32; 3] {
    let (across, down) = (x - x.floor(), y - y.floor());
    let mut colour = [0.0; 3];
    for (dx, dy, share) in [
        (0.0, 0.0, (1.0 - across) * (1.0 - down)),
        (1.0, 0.0, across * (1.0 - down)),
        (0.0, 1.0, (1.0 - across) * down),
        (1.0, 1.0, across * down),
    ] {
        let Some(pixel) = pixel(picture, x.floor() + dx, y.floor() + dy) else { continue };
        for (sum, value) in colour.iter_mut().zip(pixel) {
            *sum += share * f32::from(value);
        }
    }
    colour
}

fn pixel(picture: &Photo, x: f32, y: f32) -> Option<[u8; 3]> {
    let inside = |at: f32| (0.0..1e9).contains(&at);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is inside")]
    let at = (inside(x) && inside(y)).then_some((x as u32, y as u32))?;
    picture.get_pixel_checked(at.0, at.1).map(|pixel| pixel.0)
}

/// What a hand signs, by its joints; `None` for one that signs nothing that is known here, as a hand that holds something.
fn gesture(joints: &[[f32; 3]; 21]) -> Option<&'static str> {
    let apart = |a: usize, b: usize| -> f32 {
        let (Some(a), Some(b)) = (joints.get(a), joints.get(b)) else { return 0.0 };
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    };
    let stretched = |tip: usize| apart(tip, 0) > 1.1 * apart(tip - 2, 0);
    let fingers = [8, 12, 16, 20].map(stretched);
    let thumb = apart(4, 17) > 1.05 * apart(3, 17) && apart(4, 5) > apart(3, 5);
    let palm = apart(0, 9);
    if apart(4, 8) < 0.3 * palm && fingers[1..] == [true; 3] {
        return Some(OK);
    }
    if thumb && fingers == [false; 4] {
        // Down is where y grows.
        let [_, from, _] = joints[2];
        let rise = (from - joints[4][1]) / apart(2, 4).max(f32::MIN_POSITIVE);
        let [up, down] = THUMBS;
        return if rise.abs() < 0.75 { None } else { Some(if rise > 0.0 { up } else { down }) };
    }
    let fits = |(signed, how, _): &&([bool; 4], Thumb, &str)| *signed == fingers && (thumb || *how == Thumb::Either);
    GESTURES.iter().find(fits).map(|(_, _, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// A hand with its fingers up, seen from the front, in metres: stretched fingers reach up, the others lie in the palm.
    fn hand(thumb: (f32, f32), fingers: [bool; 4]) -> [[f32; 3]; 21] {
        let mut joints = [[0.0; 3]; 21];
        joints[0] = [0.0, 0.09, 0.0];
        for (number, stretched) in fingers.into_iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "four fingers")]
            let x = 0.03 - 0.02 * number as f32;
            let first = 5 + 4 * number;
            let reach = if stretched { [0.0, -0.04, -0.065, -0.085] } else { [0.0, -0.03, 0.0, 0.02] };
            for (joint, y) in joints[first..first + 4].iter_mut().zip(reach) {
                *joint = [x, y, if stretched { 0.0 } else { -0.03 }];
            }
            joints[first] = [x, 0.0, 0.0];
        }
        for (number, part) in [0.25_f32, 0.5, 0.75, 1.0].into_iter().enumerate() {
            joints[1 + number] = [0.03 + part * (thumb.0 - 0.03), 0.05 + part * (thumb.1 - 0.05), 0.0];
        }
        joints
    }

    const AWAY: (f32, f32) = (0.09, 0.02);
    const ACROSS: (f32, f32) = (-0.02, 0.01);

    #[test]
    fn stretched_fingers_make_the_gesture() {
        assert_eq!(gesture(&hand(AWAY, [true; 4])), Some("open palm"));
        assert_eq!(gesture(&hand(ACROSS, [true, true, false, false])), Some("victory hand sign"));
        assert_eq!(gesture(&hand(ACROSS, [true, false, false, true])), Some("horned hand sign"));
        assert_eq!(gesture(&hand(ACROSS, [false, true, false, false])), Some("middle finger"));
        assert_eq!(gesture(&hand(ACROSS, [true, false, false, false])), Some("pointing finger"));
        assert_eq!(gesture(&hand(AWAY, [false, false, false, true])), Some("call me hand sign"));
        assert_eq!(gesture(&hand(ACROSS, [false, false, false, true])), None);
        assert_eq!(gesture(&hand(ACROSS, [false; 4])), None, "a fist holds something, mostly");
    }

    #[test]
    fn thumb_and_index_that_touch_say_ok() {
        let mut ok = hand(AWAY, [true; 4]);
        ok[4] = [0.05, -0.03, 0.0];
        ok[8] = [0.05, -0.04, 0.0];
        assert_eq!(gesture(&ok), Some(OK));
    }

    #[test]
    fn a_thumb_is_up_or_down_as_the_picture_shows_it() {
        let up = hand((0.035, -0.05), [false; 4]);
        assert_eq!(gesture(&up), Some("thumbs up"));
        assert_eq!(gesture(&up.map(|[x, y, z]| [-x, -y, z])), Some("thumbs down"));
        assert_eq!(gesture(&up.map(|[x, y, z]| [y, x, z])), None, "it points to the side");
    }

    #[test]
    fn every_gesture_has_a_name_that_is_listed() {
        let names: Vec<_> = Hands::names().collect();
        assert!(["thumbs up", OK, GESTURE, "open palm"].iter().all(|name| names.contains(name)) && names.len() == 10);
    }

    /// A palm whose fingers point to `(dx, dy)`.
    fn palm(x: f32, y: f32, dx: f32, dy: f32) -> [f32; PALM] {
        let mut numbers = [0.0; PALM];
        numbers[..10].copy_from_slice(&[x, y, 0.2, 0.1, x, y, 0.0, 0.0, x + dx, y + dy]);
        numbers
    }

    #[test]
    fn palms_on_one_another_are_one_and_the_surest_come_first() {
        let boxes = [
            palm(0.2, 0.2, 0.0, -0.1),
            palm(0.25, 0.2, 0.0, -0.1),
            palm(0.8, 0.8, 0.0, -0.1),
            palm(0.5, 0.5, 0.0, 0.1),
        ];
        let found = palms_in(&[0.8, 0.9, 0.7, 0.4], boxes.as_flattened(), 0.5);
        assert_eq!(found.iter().map(|(score, palm)| (*score, palm.x)).collect::<Vec<_>>(), [(0.9, 0.25), (0.7, 0.8)]);
    }

    #[test]
    fn a_hand_is_cut_out_with_its_fingers_up() {
        // White above the palm's middle and black below; fingers that point up, right and down.
        let picture = |white: &dyn Fn(u32, u32) -> bool| {
            Photo::from_fn(400, 300, |x, y| if white(x, y) { Rgb([255; 3]) } else { Rgb([0; 3]) })
        };
        let cut = |photo: &Photo, dx, dy| {
            let (_, palm) = palms_in(&[1.0], &palm(0.5, 0.5, dx, dy), 0.5)[0];
            View::on(&palm, 400).cut(photo)
        };
        // The square is 208 pixels wide and lies 40 towards the fingers: the border is at 104 + 40 of 208.
        for (pixels, how) in [
            (cut(&picture(&|_, y| y < 150), 0.0, -0.1), "up"),
            (cut(&picture(&|x, _| x >= 200), 0.1, 0.0), "right"),
            (cut(&picture(&|_, y| y >= 150), 0.0, 0.1), "down"),
        ] {
            let row = |number: usize| pixels.planes[number * CUT + CUT / 2];
            let border = (0..CUT).find(|number| row(*number) < 128.0);
            assert!(border.is_some_and(|at| at.abs_diff(155) <= 2), "{how}: {border:?}");
        }
        let beyond = cut(&picture(&|_, _| true), 0.0, -0.1);
        assert!(beyond.planes.iter().all(|value| *value > 250.0), "the square is inside");
    }
}
