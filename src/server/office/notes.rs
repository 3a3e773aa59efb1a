//! What a document that is let in holds, and its receivers should know.

/// Something that is told, not refused: offices use all of it. `Display` is a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Note {
    #[error("It asks other programs for data (DDE).")]
    Dde,
    #[error("It holds ActiveX controls.")]
    ActiveX,
    #[error("It holds embedded files or objects.")]
    EmbeddedObject,
    #[error("It takes values from other workbooks.")]
    LinkedWorkbook,
    #[error("It loads pictures from elsewhere.")]
    LinkedPicture,
}

impl Note {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] =
        [Self::Dde, Self::ActiveX, Self::EmbeddedObject, Self::LinkedWorkbook, Self::LinkedPicture];

    /// The word for programs, as the API and the database have it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Dde => "dde",
            Self::ActiveX => "activex",
            Self::EmbeddedObject => "embedded_object",
            Self::LinkedWorkbook => "linked_workbook",
            Self::LinkedPicture => "linked_picture",
        }
    }
}
