//! The few expressions that our rules are made of, as nf_tables' virtual machine reads them: values
//! go through registers; an expression that does not match ends the rule.

use netlink::AttributeWriter;

const LIST_ELEM: u16 = 1;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
const LOOKUP_SREG: u16 = 2;
const LOOKUP_DREG: u16 = 3;

/// The register of verdicts.
const VERDICT: u32 = 0;
/// The first data register, of 16 bytes. The next one follows it, so that both make one key.
pub(crate) const FIRST: u32 = 1;
/// The second data register.
pub(crate) const SECOND: u32 = 2;
/// The first 32 bits of the first register (NFT_REG32_00); the next follow.
const FIRST_QUARTER: u32 = 8;
/// NFT_META_MARK.
const META_MARK: u32 = 3;

/// Where `Expression::Load` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The IP header.
    Network = 1,
    /// The header behind it.
    Transport = 2,
}

/// What `Expression::Meta` loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meta {
    /// Index of the interface it came in by.
    InputInterface = 4,
    /// Index of the interface it goes out by.
    OutputInterface = 5,
    /// Number of the transport protocol.
    Protocol = 16,
    /// Kind of the interface it goes out by, 16 bytes.
    OutputKind = 27,
}

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Drop,
    Accept,
    Return,
    Goto(&'static str),
}

/// One step of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Bytes of the packet into a register.
    Load { base: Base, offset: u32, length: u32 },
    /// A fact about the packet into a register.
    Meta { what: Meta, register: u32 },
    /// On only if the first register is this byte.
    Byte(u8),
    /// On only if the address in the first register is in fe80::/10.
    LinkLocal,
    /// On only if what begins in the first register is in the set.
    InSet { name: &'static str, id: u32 },
    /// On only if the second register is this kind of interface.
    Kind(&'static [u8; 16]),
    /// On only if the second register is in the set.
    SecondInSet { name: &'static str, id: u32 },
    /// On only if the second register is in the map, which puts what it leads to there.
    SecondByMap { name: &'static str, id: u32 },
    /// The destination port into the 32 bits behind an address of that many bytes in the first register.
    PortBehind { address: u32 },
    /// On only if what begins in the first register is in the map, which puts what it leads to there.
    FirstByMap { name: &'static str, id: u32 },
    /// The packet gets the mark in the first register.
    SetMark,
    /// A copy of the packet goes to the address in the first register by the interface in the second.
    Duplicate,
    /// Counts packets and bytes.
    Counter,
    /// The end.
    Verdict(Verdict),
}

impl Expression {
    fn name(self) -> &'static str {
        match self {
            Self::Load { .. } => "payload",
            Self::Meta { .. } => "meta",
            Self::Byte(_) => "cmp",
            Self::LinkLocal | Self::Kind(_) => "cmp",
            Self::InSet { .. }
            | Self::SecondInSet { .. }
            | Self::SecondByMap { .. }
            | Self::FirstByMap { .. } => "lookup",
            Self::PortBehind { .. } => "payload",
            Self::SetMark => "meta",
            Self::Duplicate => "dup",
            Self::Counter => "counter",
            Self::Verdict(_) => "immediate",
        }
    }

    fn data(self) -> AttributeWriter {
        let data = AttributeWriter::new();
        match self {
            // NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN
            Self::Load { base, offset, length } => data
                .put_be32(1, FIRST)
                .put_be32(2, base as u32)
                .put_be32(3, offset)
                .put_be32(4, length),
            // NFTA_META_DREG, _KEY
            Self::Meta { what, register } => data.put_be32(1, register).put_be32(2, what as u32),
            Self::Byte(byte) => compare(FIRST, &[byte]),
            Self::LinkLocal => compare(FIRST, &LINK_LOCAL),
            Self::Kind(kind) => compare(SECOND, kind),
            Self::InSet { name, id } => lookup(name, id).put_be32(LOOKUP_SREG, FIRST),
            Self::SecondInSet { name, id } => lookup(name, id).put_be32(LOOKUP_SREG, SECOND),
            Self::SecondByMap { name, id } => {
                lookup(name, id).put_be32(LOOKUP_SREG, SECOND).put_be32(LOOKUP_DREG, SECOND)
            }
            Self::FirstByMap { name, id } => {
                lookup(name, id).put_be32(LOOKUP_SREG, FIRST).put_be32(LOOKUP_DREG, FIRST)
            }
            Self::PortBehind { address } => data
                .put_be32(1, FIRST_QUARTER + address / 4)
                .put_be32(2, Base::Transport as u32)
                .put_be32(3, 2)
                .put_be32(4, 2),
            // NFTA_META_KEY, _SREG
            Self::SetMark => data.put_be32(2, META_MARK).put_be32(3, FIRST),
            // NFTA_DUP_SREG_ADDR, _SREG_DEV
            Self::Duplicate => data.put_be32(1, FIRST).put_be32(2, SECOND),
            Self::Counter => data,
            // NFTA_IMMEDIATE_DREG, _DATA
            Self::Verdict(verdict) => {
                let verdict =
                    AttributeWriter::new().nested(DATA_VERDICT, verdict_attributes(verdict));
                data.put_be32(1, VERDICT).nested(2, verdict)
            }
        }
    }
}

/// fe80::, what a link-local address is after [`mask_link_local`].
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Keeps the first ten bits of the address in the first register.
fn mask_link_local() -> AttributeWriter {
    const MASK: [u8; 16] = [0xff, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // NFTA_BITWISE_SREG, _DREG, _LEN, _MASK, _XOR
    AttributeWriter::new()
        .put_be32(1, FIRST)
        .put_be32(2, FIRST)
        .put_be32(3, 16)
        .nested(4, AttributeWriter::new().bytes(DATA_VALUE, &MASK))
        .nested(5, AttributeWriter::new().bytes(DATA_VALUE, &[0; 16]))
}

fn lookup(set: &str, id: u32) -> AttributeWriter {
    // NFTA_LOOKUP_SET, _SET_ID
    AttributeWriter::new().text(1, set).put_be32(4, id)
}

fn compare(register: u32, value: &[u8]) -> AttributeWriter {
    const EQUAL: u32 = 0;
    // NFTA_CMP_SREG, _OP, _DATA
    AttributeWriter::new()
        .put_be32(1, register)
        .put_be32(2, EQUAL)
        .nested(3, AttributeWriter::new().bytes(DATA_VALUE, value))
}

fn verdict_attributes(verdict: Verdict) -> AttributeWriter {
    const NF_DROP: u32 = 0;
    const NF_ACCEPT: u32 = 1;
    const NFT_GOTO: u32 = (-4i32).cast_unsigned();
    const NFT_RETURN: u32 = (-5i32).cast_unsigned();
    let code = |code| AttributeWriter::new().put_be32(VERDICT_CODE, code);
    match verdict {
        Verdict::Drop => code(NF_DROP),
        Verdict::Accept => code(NF_ACCEPT),
        Verdict::Return => code(NFT_RETURN),
        Verdict::Goto(chain) => code(NFT_GOTO).text(VERDICT_CHAIN, chain),
    }
}

/// All steps of a rule.
pub(crate) fn list(expressions: &[Expression]) -> AttributeWriter {
    let add = |list: AttributeWriter, name: &str, data| {
        let expression = AttributeWriter::new().text(EXPR_NAME, name).nested(EXPR_DATA, data);
        list.nested(LIST_ELEM, expression)
    };
    expressions.iter().fold(AttributeWriter::new(), |list, expression| {
        let list = match expression {
            Expression::LinkLocal => add(list, "bitwise", mask_link_local()),
            _ => list,
        };
        add(list, expression.name(), expression.data())
    })
}
