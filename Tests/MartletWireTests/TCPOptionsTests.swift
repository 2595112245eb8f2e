import MartletWire
import Testing

private func parse(_ octets: [UInt8]) -> TCPOptions {
  TCPOptions(parsing: octets.span.bytes)
}

private let mss = hex("020405b4")
private let scale = hex("030307")
private let sackPermitted = hex("0402")
private let timestamps = hex("080a 00000001 00000002")
private let nop: [UInt8] = [1]

/// All orders of a list.
private func permutations(_ parts: [[UInt8]]) -> [[[UInt8]]] {
  if parts.count < 2 { return [parts] }
  return parts.indices.flatMap { index in
    var rest = parts
    let first = rest.remove(at: index)
    return permutations(rest).map { [first] + $0 }
  }
}

@Suite struct TCPOptionsTests {
  @Test("MUST-4 options in any order, with NOPs between and end-of-list behind")
  func anyOrder() {
    for order in permutations([mss, scale, sackPermitted, timestamps, nop]) {
      for tail in [[], [0], [0, 0, 0]] as [[UInt8]] {
        let options = parse(order.flatMap { $0 } + tail)
        #expect(options.present == [.maximumSegmentSize, .windowScale, .sackPermitted, .timestamps])
        #expect(options.maximumSegmentSize == 1460 && options.windowScale.shift == 7)
        #expect(options.tsval == 1 && options.tsecr == 2)
      }
    }
  }

  @Test("MUST-4 nothing after end-of-list counts")
  func endOfList() {
    #expect(parse([0] + mss).present == [])
    #expect(parse([0, 99, 1]).present == [])
  }

  @Test("MUST-64 options at every offset from 0 to 28, even and odd")
  func alignment() {
    for pad in 0...28 {
      let options = parse([UInt8](repeating: 1, count: pad) + timestamps)
      #expect(options.present == .timestamps && options.tsval == 1 && options.tsecr == 2)
    }
    #expect(parse([1] + hex("050a 00000064 000000c8")).sack[0].end.rawValue == 200)
  }

  @Test("MUST-5 MUST-6 unknown kinds of every length are skipped, what follows is read")
  func unknown() {
    for kind in [UInt8(6), 7, 9, 14, 15, 19, 29, 30, 69, 172, 174, 253, 254, 255] {
      for length in 2...36 {
        let option = [kind, UInt8(length)] + [UInt8](repeating: 0xff, count: length - 2)
        let options = parse(option + mss)
        #expect(options.present == [.unknown, .maximumSegmentSize])
      }
    }
  }

  @Test("MUST-7 MUST-68 P2 lengths of 0, 1 and past the end stop the walk and keep what was read")
  func impossibleLengths() {
    for kind in UInt8(2)...255 {
      for length in [UInt8(0), 1, 5, 255] {
        let options = parse(mss + [kind, length, 0, 0])
        #expect(options.present == [.maximumSegmentSize, .malformed], "kind \(kind) length \(length)")
        #expect(options.maximumSegmentSize == 1460)
      }
      #expect(parse(mss + [kind]).present == [.maximumSegmentSize, .malformed])
    }
  }

  @Test("MUST-7 a known kind with a length that is not its own is skipped by that length")
  func wrongLengths() {
    for (kind, right) in [(2, [4]), (3, [3]), (4, [2]), (5, [10, 18, 26, 34]), (8, [10])] as [(UInt8, [Int])]
    {
      for length in 2...37 where !right.contains(length) {
        let option = [kind, UInt8(length)] + [UInt8](repeating: 1, count: length - 2)
        let options = parse(option + [34, 2])
        #expect(options.present == [.unknown, .fastOpen], "kind \(kind) length \(length)")
      }
    }
  }

  @Test("P2 the first copy of an option wins")
  func duplicates() {
    #expect(parse(mss + hex("02040200")).maximumSegmentSize == 1460)
    #expect(parse(scale + hex("030301")).windowScale.shift == 7)
    #expect(parse(timestamps + hex("080a 00000009 00000009")).tsval == 1)
    let sack = parse(hex("050a 00000001 00000002 0512 00000003 00000004 00000005 00000006"))
    #expect(sack.sackCount == 1 && sack.sack[0].start.rawValue == 1)
    let cookies = parse(hex("2206 01020304 2206 05060708"))
    #expect(cookies.fastOpenCookieCount == 4 && cookies.fastOpenCookie[0] == 1)
  }

  @Test("P2 a scale above 14 is used as 14; a segment size of 0 is absent")
  func clamps() {
    for shift in UInt8(0)...255 { #expect(parse([3, 3, shift]).windowScale.shift == min(shift, 14)) }
    #expect(parse(hex("02040000")).present == [])
    #expect(parse(hex("02040000 020405b4")).maximumSegmentSize == 1460)
    #expect(parse(hex("02040001")).maximumSegmentSize == 1)
  }

  @Test("SACK of one to four blocks, in order")
  func sack() {
    for count in 1...4 {
      var octets: [UInt8] = [5, UInt8(2 + 8 * count)]
      for index in 0..<count { octets += [0, 0, 1, UInt8(index), 0, 0, 2, UInt8(index)] }
      let options = parse(octets)
      #expect(options.present == .sack && options.sackCount == UInt8(count))
      for index in 0..<count {
        #expect(options.sack[index].start.rawValue == 0x100 + UInt32(index))
        #expect(options.sack[index].end.rawValue == 0x200 + UInt32(index))
      }
    }
  }

  @Test("fast-open cookies of 0 and of 4 to 16 octets, even; others are unknown (RFC 7413)")
  func fastOpen() {
    for count in 0...30 {
      let options = parse([34, UInt8(2 + count)] + (0..<count).map { UInt8($0 + 1) })
      if count == 0 || (4...16).contains(count) && count % 2 == 0 {
        #expect(options.present == .fastOpen && options.fastOpenCookieCount == UInt8(count))
        for index in 0..<count { #expect(options.fastOpenCookie[index] == UInt8(index + 1)) }
      } else {
        #expect(options.present == .unknown)
      }
    }
  }

  @Test("the short path for aligned timestamps reads what the long one reads")
  func alignedTimestamps() {
    let short = parse(hex("0101080a deadbeef 01234567"))
    let long = parse(hex("0101080a deadbeef 01234567 00"))
    #expect(short == long && short.tsval == 0xdead_beef && short.tsecr == 0x0123_4567)
  }

  @Test("equality looks at what is present, and at all of it")
  func equality() {
    var a = TCPOptions()
    var b = TCPOptions()
    a.tsval = 5
    #expect(a == b)
    a.present = .timestamps
    b.present = .timestamps
    #expect(a != b)
    b.tsval = 5
    #expect(a == b)
    a.present = .sack
    b.present = .sack
    a.sackCount = 1
    #expect(a != b)
  }
}
