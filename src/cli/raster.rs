//! Pictures as pixels: plotters draws on it as it does on SVG. Text is in a font that comes with the program, in one size,
//! so that a picture is the same on every machine, fonts or not.

use std::convert::Infallible;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters_backend::{
    BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;
/// What is drawn in place of a character that the font has not.
const UNKNOWN: char = '\u{fffd}';

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// Red, green and blue of each pixel, row by row, to be drawn on.
#[derive(Debug)]
pub(super) struct Raster<'a> {
    size: (u32, u32),
    pixels: &'a mut [u8],
}

impl<'a> Raster<'a> {
    /// A black picture of that width and height on `pixels`, which are made as many as there have to be.
    pub(super) fn new(pixels: &'a mut Vec<u8>, size: (u32, u32)) -> Self {
        pixels.clear();
        pixels.resize(size.0 as usize * size.1 as usize * 3, 0);
        Self { size, pixels }
    }

    /// The place of a pixel among the bytes, if it is in the picture.
    fn at(&self, (x, y): BackendCoord) -> Option<usize> {
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        let inside = x < self.size.0 && y < self.size.1;
        inside.then_some((y as usize * self.size.0 as usize + x as usize) * 3)
    }
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        if let Some(at) = self.at(point) {
            let (red, green, blue) = color.rgb;
            for (below, above) in self.pixels[at..at + 3].iter_mut().zip([red, green, blue]) {
                *below = blended(*below, above, color.alpha);
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let (width, height) = (get_raster_width(WEIGHT, HEIGHT), HEIGHT.val());
        let whole = i32::try_from(text.chars().count() * width).unwrap_or(i32::MAX);
        let (width, height) = (width.try_into().unwrap_or(0), height.try_into().unwrap_or(0));
        let left = match style.anchor().h_pos {
            HPos::Left => at.0,
            HPos::Center => at.0 - whole / 2,
            HPos::Right => at.0 - whole,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => at.1,
            VPos::Center => at.1 - height / 2,
            VPos::Bottom => at.1 - height,
        };
        let mut left = left;
        for character in text.chars() {
            let known = get_raster(character, WEIGHT, HEIGHT);
            let Some(glyph) = known.or_else(|| get_raster(UNKNOWN, WEIGHT, HEIGHT)) else {
                continue;
            };
            for (y, row) in (top..).zip(glyph.rows()) {
                for (x, &ink) in (left..).zip(row) {
                    let color = style.color();
                    let alpha = color.alpha * f64::from(ink) / 255.0;
                    self.draw_pixel((x, y), BackendColor { alpha, ..color })?;
                }
            }
            left = left.saturating_add(width);
        }
        Ok(())
    }
}

/// A colour over another one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 255")]
fn blended(below: u8, above: u8, alpha: f64) -> u8 {
    let (below, above) = (f64::from(below), f64::from(above));
    (above - below).mul_add(alpha.clamp(0.0, 1.0), below).round() as u8
}

/// A picture as a file.
pub(super) fn png(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut png| png.write_image_data(pixels));
    written.expect("because a vector can always be written to");
    file
}
