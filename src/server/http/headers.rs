//! Headers on every answer: what a browser may do with it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::server::app::App;

/// For JSON and files: nothing in them is ever run, rendered or framed.
const INERT: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

macro_rules! page_policy {
    ($types:literal) => {
        concat!(
            "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; ",
            "require-trusted-types-for 'script'; trusted-types ",
            $types
        )
    };
}

/// For pages of ours: our own scripts and style sheets from files of this origin and nothing inline; text is never turned into HTML (Trusted Types).
pub const PAGE: &str = page_policy!("'none'");

/// The same for a page that has downloads made by a service worker, whose address is the one text that becomes a script.
pub const PAGE_WITH_WORKER: &str = page_policy!("download-worker");

/// For the service worker: it fetches nothing.
pub const WORKER: &str = "default-src 'none'";

/// The middleware that adds what the handler has not set itself.
pub async fn secure<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let https = req
        .app_data::<web::Data<App>>()
        .and_then(|app| app.config.public_url.as_ref())
        .is_some_and(|public| public.is_https());
    let mut response = next.call(req).await?;
    complete(response.headers_mut());
    if https {
        add(response.headers_mut(), STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    Ok(response)
}

/// Adds the headers that every answer has.
pub fn complete(headers: &mut HeaderMap) {
    add(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(headers, CONTENT_SECURITY_POLICY, INERT);
    add(headers, REFERRER_POLICY, "no-referrer");
    add(headers, X_FRAME_OPTIONS, "DENY");
    add(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    add(headers, CACHE_CONTROL, "private, no-store");
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
