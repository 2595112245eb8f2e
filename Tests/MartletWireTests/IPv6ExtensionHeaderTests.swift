import MartletWire
import Testing

/// An IPv6 packet with this chain behind its fixed header.
private func packet(_ next: UInt8, _ chain: [UInt8]) -> [UInt8] {
  hex("60000000 \(String(chain.count + 0x10000, radix: 16).dropFirst())")
    + [next, 64] + hex("fd000000000000000000000000000001 fd000000000000000000000000000002") + chain
}

private func walk(_ next: UInt8, _ chain: [UInt8]) throws -> IPv6ExtensionHeaders.Outcome {
  let octets = packet(next, chain)
  let view = try IPv6HeaderView(octets.span.bytes)
  return IPv6ExtensionHeaders.walk(view)
}

/// A header of eight octets of padding, announced by whoever comes before, announcing `next`.
private func padded(_ next: UInt8) -> [UInt8] { [next, 0, 1, 4, 0, 0, 0, 0] }

@Suite struct IPv6ExtensionHeaderTests {
  @Test("no extension header: the transport follows at once")
  func none() throws {
    for proto in [UInt8(6), 17, 58, 59, 50, 51, 253] {
      #expect(try walk(proto, [1, 2, 3]) == .upper(IPProtocol(proto), offset: 40, nextHeaderAt: 6))
    }
  }

  @Test("hop-by-hop, destination options, routing without segments left: walked, TCP found")
  func chain() throws {
    let outcome = try walk(
      0, padded(60) + padded(43) + [6, 2, 0, 0] + [UInt8](repeating: 9, count: 20) + [1])
    #expect(outcome == .upper(.tcp, offset: 80, nextHeaderAt: 56))
  }

  @Test("P7 hop-by-hop anywhere but first is an unrecognized next header")
  func hopByHopNotFirst() throws {
    #expect(
      try walk(60, padded(0) + padded(6))
        == .parameterProblem(code: 1, pointer: 40, evenIfMulticast: false))
    #expect(
      try walk(0, padded(0) + padded(6))
        == .parameterProblem(code: 1, pointer: 40, evenIfMulticast: false))
  }

  @Test("P7 any routing type with segments left is refused at the type octet; RH0 is one of them")
  func routing() throws {
    for type in UInt8(0)...255 {
      let outcome = try walk(43, [6, 0, type, 1, 0, 0, 0, 0])
      #expect(outcome == .parameterProblem(code: 0, pointer: 42, evenIfMulticast: false))
    }
  }

  @Test("P7 unknown options by their top two bits")
  func unknownOptions() throws {
    for kind in UInt8(2)...255 {
      let expected: IPv6ExtensionHeaders.Outcome =
        switch kind >> 6 {
        case 0: .upper(.udp, offset: 48, nextHeaderAt: 40)
        case 1: .drop(.unrecognizedOption)
        case 2: .parameterProblem(code: 2, pointer: 44, evenIfMulticast: true)
        default: .parameterProblem(code: 2, pointer: 44, evenIfMulticast: false)
        }
      for proto in [UInt8(0), 60] {
        #expect(try walk(proto, [17, 0, 1, 0, kind, 2, 0xff, 0xff]) == expected, "kind \(kind)")
      }
    }
  }

  @Test("P7 at most 8 headers")
  func headerLimit() throws {
    for count in 1...12 {
      var chain: [UInt8] = []
      for index in 0..<count { chain += padded(index == count - 1 ? 6 : 60) }
      let expected: IPv6ExtensionHeaders.Outcome =
        count <= 8
        ? .upper(.tcp, offset: 40 + 8 * count, nextHeaderAt: 32 + 8 * count) : .drop(.tooManyExtensionHeaders)
      #expect(try walk(60, chain) == expected)
    }
  }

  @Test("P7 at most 8 options in a header, at most 7 octets of padding in a row")
  func optionLimits() throws {
    let eight = (0..<8).flatMap { _ in [5, 0] as [UInt8] }
    #expect(try walk(60, [6, 2] + eight + [1, 4, 0, 0, 0, 0]) == .upper(.tcp, offset: 64, nextHeaderAt: 40))
    #expect(try walk(60, [6, 2] + eight + [5, 0, 1, 2, 0, 0]) == .drop(.tooManyOptions))
    #expect(try walk(60, [6, 1, 5, 0, 1, 5] + [UInt8](repeating: 0, count: 5) + [5, 3, 0, 0, 0]).isUpper)
    #expect(try walk(60, [6, 1] + [UInt8](repeating: 0, count: 14)) == .drop(.excessivePadding))
    #expect(try walk(60, [6, 1, 1, 12] + [UInt8](repeating: 0, count: 12)) == .drop(.excessivePadding))
  }

  @Test("P7 truncated headers and options of every length are dropped")
  func truncated() throws {
    let whole = padded(60) + padded(43) + [6, 0, 0, 0, 0, 0, 0, 0]
    for count in 1..<24 { #expect(try walk(0, Array(whole[..<count])) == .drop(.truncated)) }
    #expect(try walk(60, [6, 255, 1, 4, 0, 0, 0, 0]) == .drop(.truncated))
    #expect(try walk(60, [6, 0, 1, 5, 0, 0, 0, 0]) == .drop(.truncated))
    #expect(try walk(60, [6, 0, 1, 3, 0, 0, 0, 5]) == .drop(.truncated))
    #expect(try walk(44, [6, 0, 0, 0, 0, 0, 0]) == .drop(.truncated))
  }

  @Test("a fragment header ends the walk, with all that reassembly needs")
  func fragment() throws {
    let outcome = try walk(0, padded(44) + [6, 0, 0x05, 0xa9, 1, 2, 3, 4, 0xaa])
    guard case .fragment(let fragment) = outcome else {
      Issue.record("no fragment: \(outcome)")
      return
    }
    #expect(fragment.nextHeader == .tcp && fragment.fragmentOffset == 0x5a8 && fragment.moreFragments)
    #expect(fragment.identification == 0x0102_0304 && fragment.headerAt == 48 && fragment.nextHeaderAt == 40)
    #expect(fragment.payloadAt == 56 && !fragment.isAtomic)
    let octets = written(8) { fragment.write(into: &$0, at: 0) }
    #expect(octets == hex("060005a9 01020304"))
  }

  @Test("RFC 6946 an atomic fragment is known as one, and the walk goes on behind it")
  func atomicFragment() throws {
    let octets = packet(44, [60, 0, 0, 0, 0, 0, 0, 1] + padded(6) + [1, 2])
    let view = try IPv6HeaderView(octets.span.bytes)
    guard case .fragment(let fragment) = IPv6ExtensionHeaders.walk(view) else {
      Issue.record("no fragment")
      return
    }
    #expect(fragment.isAtomic)
    let rest = IPv6ExtensionHeaders.walk(
      view.bytes, from: fragment.nextHeader, at: fragment.payloadAt, nextHeaderAt: fragment.headerAt)
    #expect(rest == .upper(.tcp, offset: 56, nextHeaderAt: 48))
  }
}

extension IPv6ExtensionHeaders.Outcome {
  fileprivate var isUpper: Bool {
    if case .upper = self { return true }
    return false
  }
}
