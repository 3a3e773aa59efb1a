//! Parsing what clients send, and naming files for them.

use std::hint::black_box;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use futures_util::stream;
use handover::protocol::disposition::attachment;
use handover::server::features::desk::gate::select_part;
use handover::server::http::range::Selection;

use crate::support::raw::{FORM_TYPE, file_part, form};

const ETAG: &str = "\"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\"";

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http");
    let (range, condition) = (HeaderValue::from_static("bytes=1048576-"), HeaderValue::from_static(ETAG));
    group.bench_function("select a range", |b| {
        b.iter(|| Selection::of(Some(black_box(&range)), Some(&condition), 2 << 20, ETAG));
    });
    for (script, name) in
        [("Latin", "Quarterly report v2.docx"), ("Polish, Russian, Japanese", "żółć отчёт 見積書.docx")]
    {
        group.bench_function(format!("name a download in {script}"), |b| b.iter(|| attachment(black_box(name))));
    }

    let runtime = actix_rt::Runtime::new().unwrap();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(FORM_TYPE))]);
    for (what, name) in [("let a form pass", "report.docx"), ("refuse a form", "report.exe")] {
        let form = Bytes::from(form(&[(&file_part(name), &[0; 16 << 10])]));
        group.bench_function(what, |b| {
            let body = || stream::iter([Ok(form.clone())]);
            b.iter_batched(body, |body| runtime.block_on(select_part(&headers, body)).is_ok(), BatchSize::SmallInput);
        });
    }
}
