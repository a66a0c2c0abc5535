//! What can be wrong with a configuration, each with a name that never changes.

/// How keepalived ranks problems; the worst decides what `keepalived -t` exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Worth saying, without consequence for the exit status.
    Note,
    /// A file was not found.
    FileNotFound,
    /// An interface cannot be used.
    BadInterface,
    /// Nothing can be run.
    Fatal,
    /// An unknown keyword.
    UnknownKeyword,
    /// `{` out of place.
    UnexpectedOpen,
    /// `{` is missing.
    MissingOpen,
    /// `}` out of place.
    UnexpectedClose,
    /// `}` is missing.
    MissingClose,
    /// A quote without its other half.
    UnmatchedQuote,
    /// A number that is none, or is out of range.
    InvalidNumber,
    /// Anything else that is wrong.
    General,
    /// Something doubtful.
    Warning,
    /// An old spelling.
    Deprecated,
    /// Scripts that are not safe to run.
    Security,
    /// An included file is missing although it must be there, or the file itself is.
    Include,
    /// A keyword without the value it cannot do without.
    MissingParameter,
}

/// How bad it is for what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is lost.
    Note,
    /// It works, though perhaps not as meant.
    Warning,
    /// Something that was asked for is not done.
    Error,
}

macro_rules! codes {
    ($($name:ident $text:literal $class:ident $severity:ident $doc:literal;)*) => {
        /// The kind of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $doc] $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in messages and documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How keepalived ranks it.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// One sentence about it.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }
    };
}

codes! {
    NoConfiguration "no-configuration" Include Error "The configuration file cannot be read.";
    IncludeFailed "include-failed" Include Error "A file that must be included is missing or unfit.";
    IncludeSkipped "include-skipped" Note Warning "A file that may be included is missing or unfit.";
    IncludeLoop "include-loop" Include Error "A file includes itself.";
    LineTooLong "line-too-long" General Error "A line is longer than 1022 bytes.";
    EmbeddedNul "embedded-nul" General Error "A line holds a NUL byte.";
    OddBlank "odd-blank" UnknownKeyword Error "A no-break space stands where a space belongs.";
    BadDefinition "bad-definition" General Error "A definition cannot be used.";
    Undefined "undefined" General Error "${NAME} is used, but not defined.";
    BadRepeat "bad-repeat" General Error "~SEQ or ~LST is malformed.";
    TooMuch "too-much" General Error "A limit of the reader was reached.";
    UnmatchedQuote "unmatched-quote" UnmatchedQuote Error "A quote is not closed.";
    UnknownKeyword "unknown-keyword" UnknownKeyword Error "A keyword is unknown, or unknown here.";
    UnexpectedOpen "unexpected-brace" UnexpectedOpen Error "'{' stands where no block can begin.";
    MissingOpen "missing-open-brace" MissingOpen Error "A block has no '{'.";
    NoBlock "no-block" Note Warning "A keyword that opens a block stands alone.";
    ExtraClose "extra-brace" UnexpectedClose Error "'}' closes nothing.";
    MissingClose "missing-close-brace" MissingClose Error "A block is never closed.";
    MissingValue "missing-value" MissingParameter Error "A keyword lacks a value without which keepalived does not start.";
    ValueExpected "value-expected" General Error "A keyword lacks its value; the line is ignored.";
    InvalidNumber "invalid-number" InvalidNumber Error "A number is none.";
    OutOfRange "out-of-range" InvalidNumber Error "A number is out of range.";
    TooPrecise "too-precise" InvalidNumber Warning "A number has more decimals than count.";
    InvalidValue "invalid-value" General Error "A value is not what the keyword takes.";
    ExtraWords "extra-words" General Warning "Words that nobody reads.";
    Truncated "truncated" General Warning "A value is too long and was cut.";
    Repeated "repeated" General Error "Something is given twice; the first counts.";
    Duplicate "duplicate" General Error "Two objects are the same; the second is dropped.";
    Deprecated "deprecated" Deprecated Warning "An old spelling.";
    OldSpelling "old-spelling" Note Warning "An old spelling that keepalived takes silently.";
    Unsupported "unsupported" General Warning "A setting that this program cannot follow.";
    Adjusted "adjusted" General Warning "A setting does not fit another one and was changed.";
    Doubtful "doubtful" Warning Warning "Allowed, but probably not meant.";
    NotFound "not-found" General Error "A name refers to nothing.";
    Incomplete "incomplete" General Error "An object lacks something that it needs; it is dropped.";
    BadAddress "bad-address" General Error "An address cannot be read, or does not fit.";
    BadEntry "bad-entry" General Error "An entry of a list cannot be used.";
    InterfaceMissing "interface-missing" General Error "An instance is on an interface that does not exist.";
    BadInterface "bad-interface" General Error "An interface does not exist.";
    FatalInterface "fatal-interface" BadInterface Error "An interface without which nothing goes does not exist.";
    BadUser "bad-user" General Error "A user or group does not exist.";
    ScriptMissing "script-missing" General Error "A script that is tracked does not exist; it is disabled.";
    ScriptInsecure "script-insecure" General Error "A script could be changed by others; it is disabled.";
    ScriptSecurity "script-security" Security Warning "Scripts run although enable_script_security is not set.";
    NotYet "not-yet" Note Warning "A keyword that is read and checked, but has no effect yet.";
    Unused "unused" Note Note "Something is defined and never used.";
    Unusable "unusable" Note Warning "A script that is not tracked cannot be run; it is left out.";
    Ineffective "ineffective" Note Warning "A setting without effect.";
}
