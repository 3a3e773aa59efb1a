//! QR codes, read by another library than the one that wrote them.

use reqwest::header::HOST;

use crate::support::batched::*;
use crate::support::*;

/// Decodes an image of black (true) and white squares.
fn decode(side: usize, is_black: impl Fn(usize, usize) -> bool) -> String {
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| if is_black(x, y) { 0 } else { 255 });
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

fn decode_png(bytes: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    decode(info.width as usize, |x, y| pixels[y * info.line_size + x] < 128)
}

/// Draws the runs of the path, which are all that the picture has.
fn decode_svg(svg: &str) -> String {
    let side: usize = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let path = svg.rsplit("d=\"").next().unwrap().split('"').next().unwrap();
    let mut black = vec![false; side * side];
    for run in path.split('M').skip(1) {
        let (x, rest) = run.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
        let start = y.parse::<usize>().unwrap() * side + x.parse::<usize>().unwrap();
        black[start..start + length].fill(true);
    }
    const SCALE: usize = 4;
    decode(side * SCALE, |x, y| black[y / SCALE * side + x / SCALE])
}

#[tokio::test]
async fn they_hold_the_receivers_address() {
    for flags in [&[][..], &["--public-url", "https://files.example.org/handover"]] {
        let server = TestServer::with(flags);
        let batch = make(&server, &[], &[]).await;
        let expected = batch.made["receiver_url"].as_str().unwrap();
        if !flags.is_empty() {
            assert_eq!(expected, format!("https://files.example.org/handover/b/{}", batch.id));
            assert_eq!(batch.made["sender_url"], format!("{expected}#{}", batch.key));
            assert_eq!(
                batch.made["qr_url"],
                format!("https://files.example.org/handover/api/batches/{}/qr.svg", batch.id)
            );
        }
        let svg = batch.get(&server, "/qr.svg").header(HOST, server.address.to_string()).send().await.unwrap();
        assert_eq!(svg.headers()["content-type"], "image/svg+xml");
        assert_eq!(decode_svg(&svg.text().await.unwrap()), expected);
        let png = batch.get(&server, "/qr.png").send().await.unwrap();
        assert_eq!(png.headers()["content-type"], "image/png");
        assert_eq!(decode_png(&png.bytes().await.unwrap()), expected);
        assert!(!expected.contains('#'), "the manage key is in no picture");
    }
}
