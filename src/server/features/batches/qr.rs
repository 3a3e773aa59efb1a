//! The QR code (ISO/IEC 18004) of a batch's address, as SVG and PNG.

use std::fmt::Write as _;
use std::io::Write as _;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use fast_qr::ECL;
use fast_qr::qr::{QRBuilder, QRCode};
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::guard::Known;
use super::urls;
use crate::server::app::App;
use crate::server::error::{Error, Result};

/// Empty modules around the code, as the standard asks for.
const QUIET: usize = 4;
/// Pixels of a module in a PNG.
const SCALE: usize = 8;

pub async fn svg(req: HttpRequest, app: web::Data<App>, known: Known) -> Result<HttpResponse> {
    let code = code(&req, &app, &known)?;
    Ok(answer("image/svg+xml", "inline; filename=\"qr.svg\"", to_svg(&code).into_bytes()))
}

pub async fn png(req: HttpRequest, app: web::Data<App>, known: Known) -> Result<HttpResponse> {
    let code = code(&req, &app, &known)?;
    Ok(answer("image/png", "inline; filename=\"qr.png\"", to_png(&code).map_err(Error::internal)?))
}

fn answer(media_type: &'static str, disposition: &'static str, image: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type(media_type).insert_header((CONTENT_DISPOSITION, disposition)).body(image)
}

fn code(req: &HttpRequest, app: &App, known: &Known) -> Result<QRCode> {
    let url = urls::of(req, app, &known.address)?.receiver;
    // Medium correction: read from a screen or from paper with a fold in it.
    QRBuilder::new(url).ecl(ECL::M).build().map_err(|error| Error::Internal(format!("{error:?}").into()))
}

/// One path of black runs on white, a unit for each module.
fn to_svg(code: &QRCode) -> String {
    let side = code.size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size {
        let row = &code[y];
        let mut x = 0;
        while x < code.size {
            let run = row[x..code.size].iter().take_while(|module| module.value()).count();
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    )
}

/// A PNG (W3C Recommendation, third edition) of one bit for each pixel.
fn to_png(code: &QRCode) -> std::io::Result<Vec<u8>> {
    let side = (code.size + 2 * QUIET) * SCALE;
    let is_black = |x: usize, y: usize| {
        let (x, y) = ((x / SCALE).wrapping_sub(QUIET), (y / SCALE).wrapping_sub(QUIET));
        x < code.size && y < code.size && code[y][x].value()
    };
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::best());
    for y in 0..side {
        // No filter; eight pixels in a byte, white is 1.
        let mut row = vec![0; 1 + side.div_ceil(8)];
        for x in (0..side).filter(|x| !is_black(*x, y)) {
            row[1 + x / 8] |= 0x80 >> (x % 8);
        }
        pixels.write_all(&row)?;
    }
    let mut header = Vec::new();
    for _ in 0..2 {
        header.extend_from_slice(&(side as u32).to_be_bytes());
    }
    header.extend_from_slice(&[1, 0, 0, 0, 0]); // one bit of grey, no interlacing
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &pixels.finish()?);
    chunk(&mut png, b"IEND", &[]);
    Ok(png)
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = png.len();
    png.extend_from_slice(kind);
    png.extend_from_slice(data);
    let crc = crc32fast::hash(&png[start..]);
    png.extend_from_slice(&crc.to_be_bytes());
}
