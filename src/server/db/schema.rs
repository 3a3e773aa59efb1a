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
        count -> Integer,
    }
}

diesel::table! {
    batch_copies (id) {
        id -> Text,
        batch_id -> Text,
        content -> Text,
        files -> Text,
        size -> BigInt,
        holder -> Text,
        ledger -> Text,
        moved_at -> Timestamp,
        lease_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    batch_fetches (id) {
        id -> Text,
        batch_id -> Text,
        file_id -> Nullable<Text>,
        what -> Text,
        files -> Integer,
        bytes -> BigInt,
        fetched_at -> Timestamp,
        address -> Nullable<Text>,
    }
}

diesel::table! {
    batch_files (id) {
        id -> Text,
        batch_id -> Text,
        name -> Text,
        name_key -> Text,
        blob_id -> Text,
        added_at -> Timestamp,
        running -> Integer,
        complete -> Integer,
        starts -> Integer,
        modified_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    batch_names (batch_id, name_key) {
        batch_id -> Text,
        name_key -> Text,
        folder -> Bool,
        copies -> Integer,
    }
}

diesel::table! {
    batches (id) {
        id -> Text,
        address_digest -> Text,
        key_digest -> Text,
        title -> Text,
        password_hash -> Nullable<Text>,
        made_by -> Nullable<Text>,
        account -> Text,
        made_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        max_downloads -> Nullable<Integer>,
        files -> Integer,
        bytes -> BigInt,
        fetches -> BigInt,
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
    document_names (number) {
        number -> Integer,
        document_id -> Text,
        name_key -> Text,
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
        notes -> Text,
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
        lease_until -> Nullable<Timestamp>,
        fetched_at -> Nullable<Timestamp>,
        fetched_from -> Nullable<Text>,
        ledger -> Text,
        fetched -> BigInt,
        moved_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    idempotency (id) {
        id -> Text,
        request -> Text,
        status -> Integer,
        answer -> Binary,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    known_networks (user_id, network) {
        user_id -> Text,
        network -> Text,
        seen_at -> Timestamp,
    }
}

diesel::table! {
    link_counts (state) {
        state -> Text,
        number -> BigInt,
    }
}

diesel::table! {
    name_places (place) {
        place -> Integer,
    }
}

diesel::table! {
    room_events (room_id, seq) {
        room_id -> Text,
        seq -> BigInt,
        kind -> Text,
        member_id -> Nullable<Text>,
        nonce -> Nullable<Text>,
        body -> Text,
    }
}

diesel::table! {
    room_exiles (room_id, came_as) {
        room_id -> Text,
        came_as -> Text,
    }
}

diesel::table! {
    room_fetches (file_id, member_id) {
        file_id -> Text,
        member_id -> Text,
        name -> Text,
        fetched_at -> Timestamp,
    }
}

diesel::table! {
    room_files (id) {
        id -> Text,
        room_id -> Text,
        seq -> BigInt,
        name -> Text,
        blob_id -> Text,
        member_id -> Text,
        added_at -> Timestamp,
    }
}

diesel::table! {
    room_members (id) {
        id -> Text,
        room_id -> Text,
        name -> Text,
        name_key -> Text,
        token_digest -> Text,
        key_digest -> Text,
        joined_at -> Timestamp,
        left_at -> Nullable<Timestamp>,
        session -> Nullable<Text>,
        came_as -> Nullable<Text>,
    }
}

diesel::table! {
    rooms (id) {
        id -> Text,
        code_digest -> Text,
        key_digest -> Text,
        title -> Text,
        made_by -> Nullable<Text>,
        account -> Text,
        made_at -> Timestamp,
        expires_at -> Timestamp,
        locked -> Bool,
        ended_at -> Nullable<Timestamp>,
        last_event -> BigInt,
        bytes -> BigInt,
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
    store (id) {
        id -> Text,
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
        self_made -> Bool,
    }
}

diesel::joinable!(batch_copies -> batches (batch_id));
diesel::joinable!(batch_fetches -> batches (batch_id));
diesel::joinable!(batch_files -> batches (batch_id));
diesel::joinable!(batch_files -> blobs (blob_id));
diesel::joinable!(batch_names -> batches (batch_id));
diesel::joinable!(batches -> users (made_by));
diesel::joinable!(documents -> blobs (blob_id));
diesel::joinable!(documents -> users (uploaded_by));
diesel::joinable!(download_links -> documents (document_id));
diesel::joinable!(download_links -> users (issued_to));
diesel::joinable!(known_networks -> users (user_id));
diesel::joinable!(room_events -> rooms (room_id));
diesel::joinable!(room_exiles -> rooms (room_id));
diesel::joinable!(room_fetches -> room_files (file_id));
diesel::joinable!(room_files -> blobs (blob_id));
diesel::joinable!(room_files -> rooms (room_id));
diesel::joinable!(room_members -> rooms (room_id));
diesel::joinable!(rooms -> users (made_by));
diesel::joinable!(sessions -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    audit,
    batch_copies,
    batch_fetches,
    batch_files,
    batch_names,
    batches,
    blobs,
    document_names,
    documents,
    download_links,
    idempotency,
    known_networks,
    link_counts,
    name_places,
    room_events,
    room_exiles,
    room_fetches,
    room_files,
    room_members,
    rooms,
    sessions,
    store,
    usage,
    users,
);
