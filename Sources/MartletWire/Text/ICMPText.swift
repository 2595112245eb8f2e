extension PacketText {
  mutating func appendICMPv4(_ bytes: RawSpan) {
    line += "ICMP "
    guard let icmp = ICMPv4MessageView(validating: bytes) else {
      line += "[truncated], length " + String(bytes.byteCount)
      return
    }
    switch icmp.message {
    case .echoRequest(let identifier, let sequence):
      appendEcho("echo request", identifier, sequence)
    case .echoReply(let identifier, let sequence):
      appendEcho("echo reply", identifier, sequence)
    case .destinationUnreachable(let code, let mtu):
      appendUnreachable(code, mtu: mtu, quoted: icmp.quoted)
    case .timeExceeded(let code):
      line += code == 0 ? "time exceeded in-transit" : "ip reassembly time exceeded"
    case .parameterProblem(_, let pointer):
      line += "parameter problem - octet " + String(pointer)
    case .redirect(_, let gateway):
      line += "redirect"
      if let quoted = icmp.quoted { line += " " + quoted.destination.description }
      line += " to host " + gateway.description
    case .sourceQuench:
      line += "source quench"
    case .other(let type, let code, _):
      line += "type-#" + String(type) + ", code " + String(code)
    }
    line += ", length " + String(bytes.byteCount)
  }

  private mutating func appendUnreachable(
    _ code: ICMPv4UnreachableCode, mtu: UInt16, quoted: QuotedPacket?
  ) {
    let destination = quoted?.destination.description ?? "[truncated]"
    switch code {
    case .network: line += "net " + destination + " unreachable"
    case .host: line += "host " + destination + " unreachable"
    case .proto:
      line += destination
      if let quoted { line += " protocol " + String(quoted.proto.rawValue) }
      line += " unreachable"
    case .port:
      line += destination
      appendPort(quoted)
      line += " unreachable"
    case .fragmentationNeeded: line += destination + " unreachable - need to frag (mtu " + String(mtu) + ")"
    case .sourceRouteFailed: line += destination + " unreachable - source route failed"
    case .networkProhibited: line += "net " + destination + " unreachable - admin prohibited"
    case .hostProhibited: line += "host " + destination + " unreachable - admin prohibited"
    case .prohibited: line += "host " + destination + " unreachable - admin prohibited filter"
    default: line += destination + " unreachable - #" + String(code.rawValue)
    }
  }

  mutating func appendICMPv6(_ bytes: RawSpan) {
    line += "ICMP6, "
    guard let icmp = ICMPv6MessageView(validating: bytes) else {
      line += "[truncated], length " + String(bytes.byteCount)
      return
    }
    switch icmp.message {
    case .echoRequest(let identifier, let sequence):
      appendEcho("echo request", identifier, sequence)
    case .echoReply(let identifier, let sequence):
      appendEcho("echo reply", identifier, sequence)
    case .destinationUnreachable(let code):
      appendUnreachable(code, quoted: icmp.quoted)
    case .packetTooBig(let mtu):
      line += "packet too big, mtu " + String(mtu)
    case .timeExceeded(let code):
      line += code == 0 ? "time exceeded in-transit" : "ip reassembly time exceeded"
      if let quoted = icmp.quoted { line += " for " + quoted.destination.description }
    case .parameterProblem(let code, let pointer):
      line += "parameter problem, " + Self.parameterName(code) + " - octet " + String(pointer)
    case .other(let type, let code, _):
      appendOther(type, code, icmp.body)
    }
    line += ", length " + String(bytes.byteCount)
  }

  private mutating func appendUnreachable(_ code: ICMPv6UnreachableCode, quoted: QuotedPacket?) {
    line += "destination unreachable, "
    switch code {
    case .noRoute: line += "unreachable route"
    case .prohibited: line += "unreachable prohibited"
    case .beyondScope: line += "beyond scope"
    case .address: line += "unreachable address"
    case .port: line += "unreachable port,"
    default: line += "unreachable code-#" + String(code.rawValue)
    }
    line += " " + (quoted?.destination.description ?? "[truncated]")
    if code == .port { appendPort(quoted) }
  }

  private static func parameterName(_ code: UInt8) -> String {
    switch code {
    case 0: return "erroneous field"
    case 1: return "next header"
    case 2: return "option"
    default: return "code-#" + String(code)
    }
  }

  /// Neighbor discovery (RFC 4861 §4) and multicast listeners, by name.
  private mutating func appendOther(_ type: UInt8, _ code: UInt8, _ body: RawSpan) {
    switch type {
    case 133: line += "router solicitation"
    case 134: line += "router advertisement"
    case 135:
      line += "neighbor solicitation"
      if body.byteCount >= 16 { line += ", who has " + body.ipv6Address(0).description }
    case 136:
      line += "neighbor advertisement"
      if body.byteCount >= 16 { line += ", tgt is " + body.ipv6Address(0).description }
    case 137: line += "redirect"
    case 130: line += "multicast listener query"
    case 131: line += "multicast listener report"
    case 132: line += "multicast listener done"
    case 143: line += "multicast listener report v2"
    default: line += "type-#" + String(type) + ", code " + String(code)
    }
  }

  private mutating func appendEcho(_ name: String, _ identifier: UInt16, _ sequence: UInt16) {
    line += name + ", id " + String(identifier) + ", seq " + String(sequence)
  }

  /// " udp port 53", of a quote that has ports.
  private mutating func appendPort(_ quoted: QuotedPacket?) {
    guard let quoted, quoted.hasTransport else { return }
    if quoted.proto == .tcp || quoted.proto == .udp {
      line += " " + Self.name(quoted.proto) + " port " + String(quoted.destinationPort)
    }
  }
}
