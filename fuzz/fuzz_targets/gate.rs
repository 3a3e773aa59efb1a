//! The gate's peek into a form: no form in any cut may panic, hang, or be read far past the headers that decide.
//!
//! The input is a form with the boundary `X`; a byte 0xFF in it marks a cut between two chunks.
#![no_main]

use std::cell::Cell;
use std::rc::Rc;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use handover::server::features::desk::gate::{end_of_form, select_part};
use handover::server::http::form::FORM_OVERHEAD;
use libfuzzer_sys::fuzz_target;

const CUT: u8 = 0xFF;
/// What the reader of forms may hold while it looks for the end of a part's headers, and the chunk behind that.
const READ_AHEAD: u64 = 256 << 10;
/// The rest of an upload that goes on behind the input.
const REST: usize = 64;
const REST_CHUNK: usize = 64 << 10;

thread_local! {
    static RUNTIME: actix_rt::Runtime = actix_rt::Runtime::new().unwrap();
}

fuzz_target!(|data: &[u8]| {
    let mut chunks: Vec<Bytes> = data.split(|byte| *byte == CUT).map(Bytes::copy_from_slice).collect();
    read(chunks.clone(), data.len());
    let last = data.rsplit(|byte| *byte == b'\n').next().filter(|line| !line.is_empty()).unwrap_or(b"a\r\n");
    let filler = Bytes::from(last.repeat(REST_CHUNK / last.len() + 1));
    chunks.extend(std::iter::repeat_n(filler, REST));
    read(chunks, data.len());
});

fn read(chunks: Vec<Bytes>, given: usize) {
    let pulled = Rc::new(Cell::new(0));
    let count = pulled.clone();
    let body = stream::iter(chunks).map(move |chunk| {
        count.set(count.get() + chunk.len() as u64);
        Ok::<_, PayloadError>(chunk)
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=X"));
    let work = async {
        let selected = select_part(&headers, body).await;
        let most = given as u64 + FORM_OVERHEAD + READ_AHEAD;
        assert!(pulled.get() <= most, "{} bytes were read before the gate decided", pulled.get());
        let Ok(selected) = selected else { return };
        assert!((1..=255).contains(&selected.name.as_str().len()));
        let (mut part, form) = selected.part.expect("a form has parts");
        while let Some(Ok(_)) = part.next().await {}
        drop(part);
        let _ = end_of_form(form).await;
    };
    RUNTIME.with(|runtime| runtime.block_on(work));
}
