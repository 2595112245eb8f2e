extension PacketText {
  mutating func appendTCP(_ bytes: RawSpan, _ source: IPAddress, _ destination: IPAddress) {
    guard let segment = TCPHeaderView(validating: bytes) else {
      appendEnds(source, destination)
      line += "TCP "
      appendDefect(TCPHeaderView.defect(in: bytes))
      line += ", length " + String(bytes.byteCount)
      return
    }
    appendEnds(source, destination, ports: (segment.sourcePort, segment.destinationPort))
    let flags = segment.flags
    line += "Flags [" + flags.description + "]"
    appendSequence(segment.seq, flags: flags, textCount: segment.textCount)
    if flags.contains(.ack) { line += ", ack " + String(relativeAck(segment.ack).rawValue) }
    line += ", win " + String(segment.window.field)
    if flags.contains(.urg) { line += ", urg " + String(segment.urgentPointer) }
    if segment.options.byteCount > 0 {
      line += ", options ["
      appendOptions(segment.options)
      line += "]"
    }
    line += ", length " + String(segment.textCount)
  }

  /// Shown where it says something: with text, or with SYN, FIN or RST.
  private mutating func appendSequence(_ seq: SequenceNumber, flags: TCPFlags, textCount: Int) {
    guard textCount > 0 || !flags.isDisjoint(with: [.syn, .fin, .rst]) else { return }
    let start = flags.contains(.syn) ? seq : relativeSeq(seq)
    line += ", seq " + String(start.rawValue)
    if textCount > 0 {
      line += ":" + String(start.advanced(by: UInt32(truncatingIfNeeded: textCount)).rawValue)
    }
  }

  /// The options in their order on the wire, NOPs and all.
  private mutating func appendOptions(_ options: RawSpan) {
    var offset = 0
    while offset < options.byteCount {
      if offset > 0 { line += "," }
      let kind = options.u8(offset)
      if kind == TCPOptionKind.end {
        line += "eol"
        return
      }
      if kind == TCPOptionKind.noOperation {
        line += "nop"
        offset += 1
        continue
      }
      let rest = options.byteCount - offset
      let length = rest >= 2 ? Int(options.u8(offset + 1)) : 0
      guard length >= 2, length <= rest else {
        line += "[bad opt]"
        return
      }
      appendOption(kind, options.extracting(offset + 2..<offset + length))
      offset += length
    }
  }

  private mutating func appendOption(_ kind: UInt8, _ value: RawSpan) {
    switch (kind, value.byteCount) {
    case (TCPOptionKind.maximumSegmentSize, 2): line += "mss " + String(value.be16(0))
    case (TCPOptionKind.windowScale, 1): line += "wscale " + String(value.u8(0))
    case (TCPOptionKind.sackPermitted, 0): line += "sackOK"
    case (TCPOptionKind.timestamps, 8):
      line += "TS val " + String(value.be32(0)) + " ecr " + String(value.be32(4))
    case (TCPOptionKind.sack, let count) where count >= 8 && count % 8 == 0: appendSACK(value)
    case (TCPOptionKind.fastOpen, 0): line += "tfo cookiereq"
    case (TCPOptionKind.fastOpen, _):
      line += "tfo cookie "
      appendHexadecimal(value)
    default:
      line += "unknown-" + String(kind)
      if value.byteCount > 0 {
        line += " 0x"
        appendHexadecimal(value)
      }
    }
  }

  private mutating func appendSACK(_ value: RawSpan) {
    line += "sack " + String(value.byteCount / 8) + " "
    var offset = 0
    while offset < value.byteCount {
      let start = relativeAck(SequenceNumber(value.be32(offset)))
      let end = relativeAck(SequenceNumber(value.be32(offset + 4)))
      line += "{" + String(start.rawValue) + ":" + String(end.rawValue) + "}"
      offset += 8
    }
  }

  private mutating func appendHexadecimal(_ value: RawSpan) {
    for index in 0..<value.byteCount { line += hexadecimalPair(value.u8(index)) }
  }

  private func relativeSeq(_ seq: SequenceNumber) -> SequenceNumber {
    guard let base else { return seq }
    return SequenceNumber(seq.distance(from: base.seq))
  }

  private func relativeAck(_ ack: SequenceNumber) -> SequenceNumber {
    guard let base else { return ack }
    return SequenceNumber(ack.distance(from: base.ack))
  }
}

extension TCPFlags: CustomStringConvertible {
  /// One sign for each flag, as tcpdump orders them: F S R P . U E W e; "none" for none.
  public var description: String {
    var text = ""
    if contains(.fin) { text += "F" }
    if contains(.syn) { text += "S" }
    if contains(.rst) { text += "R" }
    if contains(.psh) { text += "P" }
    if contains(.ack) { text += "." }
    if contains(.urg) { text += "U" }
    if contains(.ece) { text += "E" }
    if contains(.cwr) { text += "W" }
    if contains(.ae) { text += "e" }
    return rawValue & 0x1ff == 0 ? "none" : text
  }
}
