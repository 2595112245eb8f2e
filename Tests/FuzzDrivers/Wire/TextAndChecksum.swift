import MartletWire

/// Any octets whatsoever make one printable line.
func drivePacketText(_ bytes: RawSpan) throws(Finding) {
  let base = SequenceBase(seq: SequenceNumber(0xffff_fff0), ack: SequenceNumber(17))
  for framing in [PacketFraming.ip, .ethernet] {
    for line in [packetText(bytes, framing: framing), packetText(bytes, framing: framing, relativeTo: base)] {
      try expect(!line.isEmpty, "a packet has a text")
      try expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "the text is one printable line: \(line)")
    }
  }
}

/// A text is an address or none; an address and its text are each other's.
func driveAddressText(_ input: [UInt8]) throws(Finding) {
  let text = String(decoding: input[1...], as: UTF8.self)
  if let address = IPAddress(text) {
    try expect(IPAddress(address.description) == address, "an address survives its text: \(text)")
  }
  if let prefix = IPPrefix(text) {
    try expect(IPPrefix(prefix.description) == prefix, "a prefix survives its text: \(text)")
    try expect(prefix.contains(prefix.address), "a prefix holds its own address: \(text)")
    _ = (prefix.network, prefix.broadcast)
  }
  if let address = MACAddress(text) {
    try expect(MACAddress(address.description) == address, "a MAC address survives its text: \(text)")
  }
  let bytes = input.span.bytes.extracting(1..<input.count)
  if bytes.byteCount >= 16 {
    let address = bytes.ipv6Address(0)
    try expect(IPv6Address(address.description) == address, "any IPv6 address survives its text")
  }
  if bytes.byteCount >= 4 {
    let address = bytes.ipv4Address(0)
    try expect(IPv4Address(address.description) == address, "any IPv4 address survives its text")
  }
}

/// Sums in one piece, in two pieces, with the copy, and octet by octet agree.
func driveChecksum(_ bytes: RawSpan) throws(Finding) {
  guard bytes.byteCount > 2 else { return }
  let data = bytes.extracting(2..<bytes.byteCount)
  let count = data.byteCount
  var plain: UInt64 = 0
  for i in 0..<count { plain += UInt64(data.u8(i)) << (i % 2 == 0 ? 8 : 0) }
  while plain >> 16 != 0 { plain = (plain & 0xffff) + plain >> 16 }

  var whole = InternetChecksum()
  whole.add(data)
  try expect(UInt64(whole.folded) == plain, "the sum is the sum of the words")

  let cut = Int(bytes.u8(0)) % (count + 1)
  var pieces = InternetChecksum()
  pieces.add(data.extracting(0..<cut))
  pieces.add(data.extracting(cut..<count), oddOffset: cut % 2 == 1)
  try expect(pieces.folded == whole.folded, "a sum may be made in two pieces, cut at \(cut) of \(count)")

  let place = Int(bytes.u8(1) & 15)
  var copy = [UInt8](repeating: 0xEE, count: place + count)
  var elements = copy.mutableSpan
  var out = elements.mutableBytes
  let copied = InternetChecksum.copying(data, into: &out, at: place)
  try expect([UInt8](copy[place...]) == data.octets, "copying copies every octet")
  try expect(copy[..<place].allSatisfy { $0 == 0xEE }, "copying leaves the octets in front alone")
  try expect(copied.folded == whole.folded, "the sum of the copy is the sum")
  try checkUpdate(data, whole)
}

/// RFC 1624: a field after one word changed is the field of the changed octets.
private func checkUpdate(_ data: RawSpan, _ whole: InternetChecksum) throws(Finding) {
  guard data.byteCount >= 6, data.byteCount % 2 == 0 else { return }
  let new = data.be16(4)
  var changed = data.octets
  changed[0] = UInt8(new >> 8)
  changed[1] = UInt8(truncatingIfNeeded: new)
  var sum = InternetChecksum()
  sum.add(changed.span.bytes)
  sum.add(word: InternetChecksum.update(whole.field, replacing: data.be16(0), with: new))
  // All zeros fold to zero, whose complement cannot be told from all ones.
  try expect(sum.isValid || changed.allSatisfy { $0 == 0 }, "an updated field is valid")
}
