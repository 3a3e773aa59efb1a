//! Pages of other sites: closed, unless their origins are set (WHATWG Fetch, "CORS protocol").

use crate::server::refusals::bad_request;
use actix_cors::{Cors, CorsError};
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, Next};

use crate::server::config::Config;

/// The middleware that lets the origins of the settings in. Without any it is not there, and a preflight is a method that
/// no path takes.
pub fn allowed(config: &Config) -> Condition<Cors> {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["etag", "x-request-id", "x-next-cursor"])
        .max_age(600);
    let cors = config.cors_origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!config.cors_origins.is_empty(), cors)
}

/// Gives its refusals the shape that all errors have.
pub async fn refusals<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
    let response = next.call(req).await?;
    let refused = response.response().error().is_some_and(|error| error.as_error::<CorsError>().is_some());
    Ok(if refused {
        let problem = bad_request("Pages of this origin may not do this here.".into()).error_response();
        response.into_response(problem).map_into_right_body()
    } else {
        response.map_into_left_body()
    })
}
