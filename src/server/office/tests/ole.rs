//! A writer of OLE2 files ([MS-CFB]) in the layouts that programs of several makers write.

const FREE: u32 = 0xFFFF_FFFF;
pub(super) const END: u32 = 0xFFFF_FFFE;
const FAT_SECTOR: u32 = 0xFFFF_FFFD;
const MINI: usize = 64;
const CUTOFF: usize = 4096;

/// What a file has in its root.
pub(super) enum Node {
    Stream(&'static str, Vec<u8>),
    Storage(&'static str, Vec<Node>),
}

/// A file, with what makers differ in.
pub(super) struct Ole {
    /// Of the sectors' size: 9 or 12.
    pub shift: u16,
    pub nodes: Vec<Node>,
    /// Whole sectors of the table beyond need, all of them free, as Office 2010 and later write.
    pub spare: usize,
    /// What the table says of sectors behind the last one: SheetJS, xlsx-populate and excelize mark them as ends.
    pub tail: u32,
}

/// A sibling-linked list of entries stands for the tree: any shape of it is legal to read.
#[derive(Default)]
struct Writer {
    directory: Vec<Entry>,
    mini: Vec<u8>,
    mini_fat: Vec<u32>,
    sectors: Vec<u8>,
    fat: Vec<u32>,
}

struct Entry {
    name: &'static str,
    kind: u8,
    right: u32,
    child: u32,
    start: u32,
    size: u64,
}

impl Ole {
    /// A document that agile encryption protects.
    pub(super) fn protected() -> Self {
        let spaces = vec![
            Node::Stream("Version", vec![1; 76]),
            Node::Storage("DataSpaceInfo", vec![Node::Stream("StrongEncryptionDataSpace", vec![1; 64])]),
        ];
        let nodes = vec![
            Node::Storage("\u{6}DataSpaces", spaces),
            Node::Stream("EncryptionInfo", info([4, 4])),
            Node::Stream("EncryptedPackage", package(8_000, 8_192)),
        ];
        Self { shift: 9, nodes, spare: 0, tail: FREE }
    }

    pub(super) fn with(mut self, node: Node) -> Self {
        self.nodes.push(node);
        self
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let sector = 1 << self.shift;
        let mut writer = Writer::default();
        writer.directory.push(Entry { name: "Root Entry", kind: 5, right: FREE, child: FREE, start: END, size: 0 });
        // The directory comes first, so that tests know where it is: as many sectors as its entries take.
        let places = (count(&self.nodes) + 1).div_ceil(sector / 128);
        writer.put(&vec![0; places * sector], sector);
        let child = writer.add(&self.nodes, sector);
        let mini = std::mem::take(&mut writer.mini);
        let (start, size) = (writer.put(&mini, sector), mini.len() as u64);
        let root = &mut writer.directory[0];
        (root.child, root.start, root.size) = (child, start, size);
        let mut mini_fat = std::mem::take(&mut writer.mini_fat);
        mini_fat.resize(mini_fat.len().next_multiple_of(sector / 4), FREE);
        let mini_fat_at = writer.put(&numbers(&mini_fat), sector);
        let directory: Vec<u8> = writer.directory.iter().flat_map(Entry::bytes).collect();
        writer.sectors[..directory.len()].copy_from_slice(&directory);
        let mini_fat_sectors = mini_fat.len() * 4 / sector;
        let (fat_at, fats) = writer.put_fat(sector, self.spare, self.tail);
        let mut out = header(self.shift, fat_at, fats, mini_fat_at, mini_fat_sectors as u32);
        out.resize(sector, 0);
        out.extend(writer.sectors);
        out
    }
}

impl Writer {
    /// Adds entries with what is in them. Returns the first one's number.
    fn add(&mut self, nodes: &[Node], sector: usize) -> u32 {
        let mut next = FREE;
        for node in nodes.iter().rev() {
            let entry = match node {
                Node::Storage(name, nodes) => {
                    let child = self.add(nodes, sector);
                    Entry { name, kind: 1, right: next, child, start: 0, size: 0 }
                }
                Node::Stream(name, data) => {
                    let start = if data.len() < CUTOFF { self.put_mini(data) } else { self.put(data, sector) };
                    Entry { name, kind: 2, right: next, child: FREE, start, size: data.len() as u64 }
                }
            };
            next = self.directory.len() as u32;
            self.directory.push(entry);
        }
        next
    }

    fn put(&mut self, data: &[u8], sector: usize) -> u32 {
        let at = self.fat.len() as u32;
        let count = data.len().div_ceil(sector) as u32;
        self.sectors.extend(data);
        self.sectors.resize(self.sectors.len().next_multiple_of(sector), 0);
        self.fat.extend((1..count).map(|n| at + n));
        self.fat.extend((count > 0).then_some(END));
        if count > 0 { at } else { END }
    }

    fn put_mini(&mut self, data: &[u8]) -> u32 {
        let at = self.mini_fat.len() as u32;
        let count = data.len().div_ceil(MINI) as u32;
        self.mini.extend(data);
        self.mini.resize(self.mini.len().next_multiple_of(MINI), 0);
        self.mini_fat.extend((1..count).map(|n| at + n));
        self.mini_fat.extend((count > 0).then_some(END));
        if count > 0 { at } else { END }
    }

    /// Returns where the table is and how many sectors it has.
    fn put_fat(&mut self, sector: usize, spare: usize, tail: u32) -> (u32, u32) {
        let numbers_each = sector / 4;
        let mut needed = 1;
        while self.fat.len() + needed + spare > needed * numbers_each {
            needed += 1;
        }
        let at = self.fat.len() as u32;
        self.fat.extend(vec![FAT_SECTOR; needed + spare]);
        self.fat.resize(needed * numbers_each, tail);
        self.fat.resize((needed + spare) * numbers_each, FREE);
        let table = numbers(&self.fat);
        self.sectors.extend(table);
        (at, (needed + spare) as u32)
    }
}

impl Entry {
    fn bytes(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name_bytes = out.len() as u16 + 2;
        out.resize(64, 0);
        out.extend(name_bytes.to_le_bytes());
        out.extend([self.kind, 1]);
        out.extend(numbers(&[FREE, self.right, self.child]));
        out.resize(116, 0);
        out.extend(self.start.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out
    }
}

fn header(shift: u16, fat_at: u32, fats: u32, mini_fat_at: u32, mini_fats: u32) -> Vec<u8> {
    let mut out = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    out.resize(24, 0);
    let major = if shift == 9 { 3 } else { 4 };
    for field in [0x3E, major, 0xFFFE, shift, 6, 0, 0, 0] {
        out.extend(field.to_le_bytes());
    }
    let directory_at = 0;
    out.extend(numbers(&[0, fats, directory_at, 0, CUTOFF as u32, mini_fat_at, mini_fats, END, 0]));
    let listed = (0..109).map(|n| if n < fats { fat_at + n } else { FREE });
    out.extend(numbers(&listed.collect::<Vec<_>>()));
    out
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn count(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| if let Node::Storage(_, within) = node { 1 + count(within) } else { 1 }).sum()
}

/// An `EncryptionInfo` of this version.
pub(super) fn info(version: [u16; 2]) -> Vec<u8> {
    let mut out: Vec<u8> = version.iter().flat_map(|number| number.to_le_bytes()).collect();
    out.resize(1_000, b'x');
    out
}

/// An `EncryptedPackage` of `size` bytes that says it is `plain` bytes when it is open.
pub(super) fn package(plain: u64, size: usize) -> Vec<u8> {
    let mut out = plain.to_le_bytes().to_vec();
    out.resize(size, 0xAA);
    out
}
