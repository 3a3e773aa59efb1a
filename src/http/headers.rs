//! Headers on every answer: what a browser may do with it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::app::App;

/// For JSON and files: nothing in them is ever run, rendered or framed.
const INERT: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

/// For pages of ours: our own scripts and style sheets from files of this origin and nothing inline; text is never turned into HTML (Trusted Types).
pub const PAGE: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Adds what the handler has not set itself.
pub async fn secure<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let https = req
        .app_data::<web::Data<App>>()
        .and_then(|app| app.config.public_url.as_ref())
        .is_some_and(|public| public.is_https());
    let mut response = next.call(req).await?;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(CONTENT_SECURITY_POLICY, INERT);
    default(REFERRER_POLICY, "no-referrer");
    default(X_FRAME_OPTIONS, "DENY");
    default(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    default(CACHE_CONTROL, "private, no-store");
    if https {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    Ok(response)
}
