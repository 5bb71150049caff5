//! Owns what differs between the releases that can be simulated.

/// A release whose answers were recorded (`tests/fixtures`).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::VariantNames,
)]
pub enum Release {
    /// 3.10.8 on Mnesia, with mirrored queues.
    #[strum(serialize = "3.10")]
    R310,
    /// 4.0.5, on Mnesia as it comes from the package.
    #[strum(serialize = "4.0")]
    R40,
    /// 4.3.6 on Khepri.
    #[strum(serialize = "4.3")]
    R43,
}

impl Release {
    /// Its whole version.
    pub fn version(self) -> &'static str {
        match self {
            Self::R310 => "3.10.8",
            Self::R40 => "4.0.5",
            Self::R43 => "4.3.6",
        }
    }

    /// The Erlang it runs on.
    pub fn erlang(self) -> &'static str {
        match self {
            Self::R310 => "25.2.3",
            Self::R40 => "27.3.4.1",
            Self::R43 => "29.1.1",
        }
    }

    /// How that Erlang calls itself.
    pub fn erlang_words(self) -> &'static str {
        match self {
            Self::R310 => {
                "Erlang/OTP 25 [erts-13.1.5] [source] [64-bit] [smp:2:2] [ds:2:2:10] [async-threads:1] [jit:ns]"
            }
            Self::R40 => {
                "Erlang/OTP 27 [erts-15.2.7] [source] [64-bit] [smp:2:2] [ds:2:2:10] [async-threads:1] [jit:ns]"
            }
            Self::R43 => {
                "Erlang/OTP 29 [erts-17.1] [source] [64-bit] [smp:2:2] [ds:2:2:10] [async-threads:1] [jit:ns]"
            }
        }
    }

    /// Whether its metadata store is Khepri.
    pub fn is_khepri(self) -> bool {
        self == Self::R43
    }

    /// Whether classic queues can have mirrors.
    pub fn has_mirrors(self) -> bool {
        self == Self::R310
    }

    /// Whether the management API says of a node that it is drained.
    pub fn tells_maintenance(self) -> bool {
        self != Self::R310
    }

    /// Whether the management API offers the version alone.
    pub fn has_version_alone(self) -> bool {
        self != Self::R310
    }
}
