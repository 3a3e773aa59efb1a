// @generated automatically by Diesel CLI.

diesel::table! {
    audit (id) {
        id -> Text,
        at -> Timestamp,
        action -> Text,
        actor_id -> Nullable<Text>,
        actor -> Nullable<Text>,
        subject -> Nullable<Text>,
        detail -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    blobs (id) {
        id -> Text,
        size -> BigInt,
        blake3 -> Text,
        sha256 -> Nullable<Text>,
        crc32 -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    documents (id) {
        id -> Text,
        name -> Text,
        name_key -> Text,
        version -> Integer,
        latest -> Bool,
        blob_id -> Nullable<Text>,
        uploaded_by -> Text,
        uploaded_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    download_links (id) {
        id -> Text,
        token_digest -> Text,
        document_id -> Text,
        issued_to -> Text,
        state -> Text,
        issued_at -> Timestamp,
        expires_at -> Timestamp,
        starts -> Integer,
        claim_id -> Nullable<Text>,
        lease_until -> Nullable<Timestamp>,
        fetched_at -> Nullable<Timestamp>,
        fetched_from -> Nullable<Text>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    usage (user_id) {
        user_id -> Text,
        bytes -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        password_hash -> Text,
        role -> Text,
        created_at -> Timestamp,
        disabled_at -> Nullable<Timestamp>,
    }
}

diesel::joinable!(documents -> blobs (blob_id));
diesel::joinable!(documents -> users (uploaded_by));
diesel::joinable!(download_links -> documents (document_id));
diesel::joinable!(download_links -> users (issued_to));
diesel::joinable!(sessions -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(audit, blobs, documents, download_links, sessions, usage, users,);
