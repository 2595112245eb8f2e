import MartletWire
import Testing

@Suite("DHCP messages")
struct DHCPTests {
  private static let hardware = MACAddress(0x02, 0xab, 0xcd, 0xef, 0x12, 0x34)

  private static func octets(_ message: DHCPMessage) -> [UInt8] {
    written(message.encodedCount) { message.write(into: &$0, at: 0) }
  }

  /// An answer with these options behind the cookie, and octets in `sname` and `file`.
  private static func answer(_ options: String, sname: String = "", file: String = "") -> [UInt8] {
    var octets = octets(DHCPMessage(op: .reply, xid: 7, chaddr: hardware))[..<240] + hex(options)
    octets.replaceSubrange(44..<(44 + hex(sname).count), with: hex(sname))
    octets.replaceSubrange(108..<(108 + hex(file).count), with: hex(file))
    return [UInt8](octets)
  }

  private static func options(_ text: String, sname: String = "", file: String = "") -> DHCPOptions? {
    DHCPMessage(parsing: answer(text, sname: sname, file: file).span.bytes)?.options
  }

  /// Everything that there is to say.
  private static var everything: DHCPMessage {
    var message = DHCPMessage(op: .request, xid: 0x0102_0304, chaddr: hardware)
    message.hops = 3
    message.secs = 0x0506
    message.wantsBroadcast = true
    message.ciaddr = IPv4Address(10, 0, 0, 1)
    message.yiaddr = IPv4Address(10, 0, 0, 2)
    message.siaddr = IPv4Address(10, 0, 0, 3)
    message.giaddr = IPv4Address(10, 0, 0, 4)
    message.options.messageType = .request
    message.options.subnetMask = IPv4Address(255, 255, 255, 0)
    for n in 1...4 as ClosedRange<UInt8> {
      message.options.routers.append(IPv4Address(10, 0, 1, n))
      message.options.domainNameServers.append(IPv4Address(10, 0, 2, n))
    }
    message.options.hostName = DHCPHostName(String(repeating: "a-1.Z", count: 12) + "end")
    message.options.interfaceMTU = 1_400
    message.options.requestedAddress = IPv4Address(10, 0, 0, 5)
    message.options.leaseTime = 86_400
    message.options.serverIdentifier = IPv4Address(10, 0, 0, 6)
    message.options.parameters = .all
    message.options.maximumMessageSize = 1_500
    message.options.renewalTime = 100
    message.options.rebindingTime = 200
    message.options.clientIdentifier = hardware
    return message
  }

  @Test("a question as written, octet for octet")
  func question() {
    var message = DHCPMessage(op: .request, xid: 0xdead_beef, chaddr: Self.hardware)
    message.secs = 9
    message.options.messageType = .discover
    message.options.parameters = [.subnetMask, .routers, .interfaceMTU]
    message.options.clientIdentifier = Self.hardware
    message.options.hostName = DHCPHostName("box")
    let octets = Self.octets(message)
    #expect(octets.count == 300)
    #expect(
      Array(octets[..<44])
        == hex("01 01 06 00 deadbeef 0009 0000 00000000 00000000 00000000 00000000 02abcdef1234")
        + [UInt8](repeating: 0, count: 10))
    #expect(octets[44..<236].allSatisfy { $0 == 0 })
    let options = hex("63825363 35 01 01 0c 03 626f78 37 03 01031a 3d 07 01 02abcdef1234 ff")
    #expect(Array(octets[236..<(236 + options.count)]) == options)
    #expect(octets[(236 + options.count)...].allSatisfy { $0 == 0 })
  }

  @Test("whatever a message says is read as it was written, and written as it was read")
  func identity() throws {
    let everything = Self.everything
    let octets = Self.octets(everything)
    #expect(octets.count > 300)
    let parsed = DHCPMessage(parsing: octets.span.bytes)
    let read = try #require(parsed)
    #expect(read == everything)
    #expect(Self.octets(read) == octets)
    for type in 1...8 as ClosedRange<UInt8> {
      var message = DHCPMessage(op: .reply, xid: 1, chaddr: Self.hardware)
      message.options.messageType = DHCPMessageType(rawValue: type)
      let octets = Self.octets(message)
      #expect(DHCPMessage(parsing: octets.span.bytes) == message && octets.count == 300)
    }
  }

  @Test("what is no DHCP on an Ethernet is refused")
  func refused() {
    let good = Self.octets(Self.everything)
    func isRead(_ octets: [UInt8]) -> Bool { DHCPMessage(parsing: octets.span.bytes) != nil }
    #expect(isRead(good))
    for count in 0..<240 { #expect(!isRead(Array(good[..<count]))) }
    #expect(isRead(Array(good[..<240])))
    for (place, octet) in [(0, 0), (0, 3), (1, 6), (2, 8), (236, 0), (239, 0x62)] as [(Int, UInt8)] {
      var bad = good
      bad[place] = octet
      #expect(!isRead(bad))
    }
  }

  @Test("P2: an option that leaves its field makes the message invalid, an unknown or empty one does not")
  func lengths() {
    for bad in ["35", "3505 05", "35 01 05 33", "33 04 000000", "ee ff 00"] {
      let isRead = Self.options(bad) != nil
      #expect(!isRead, "\(bad)")
    }
    #expect(Self.options("35 01 05 ee 02 ffff 33 04 00000e10 ff 33")?.leaseTime == 3_600)
    #expect(Self.options("00 00 35 01 05 00 33 04 00000e10")?.leaseTime == 3_600)
    #expect(Self.options("33 00 01 00 03 00 06 00 0c 00 1a 00 36 00 3d 00 35 00 ff") == DHCPOptions())
  }

  @Test("what has another size than it can have is passed over")
  func sizes() {
    #expect(Self.options("33 03 000e10 36 05 0a00000100 01 02 ffff 1a 01 05 35 02 0505 ff") == DHCPOptions())
    #expect(Self.options("03 05 0a00000101 06 07 0a000001 0a0000 ff") == DHCPOptions())
    #expect(Self.options("35 01 00 ff") == DHCPOptions())
    #expect(Self.options("35 01 09 ff") == DHCPOptions())
    // Another kind of hardware, and names that are none.
    #expect(Self.options("3d 07 06 02abcdef1234 0c 03 62 00 78 ff") == DHCPOptions())
    let long = String(repeating: "61", count: 64)
    #expect(Self.options("0c 40 \(long) ff") == DHCPOptions())
    #expect(Self.options("0c 3f \(long.dropLast(2)) ff")?.hostName?.count == 63)
    #expect(DHCPHostName("") == nil && DHCPHostName("a b") == nil && DHCPHostName("ü") == nil)
  }

  @Test("the first four of a list are kept")
  func lists() {
    let list = (1...6).map { "0a00000\($0)" }.joined()
    let read = Self.options("03 18 \(list) ff")?.routers
    #expect(read.map(Array.init) == (1...4).map { IPv4Address(10, 0, 0, $0) })
  }

  @Test("RFC 3396: an option in parts is one, wherever it is cut")
  func parts() {
    #expect(Self.options("33 02 0000 35 01 05 33 02 0e10 ff")?.leaseTime == 3_600)
    #expect(
      Self.options("03 03 0a0000 03 04 010a0000 03 01 02 ff")?.routers.map { $0 }
        == [IPv4Address(10, 0, 0, 1), IPv4Address(10, 0, 0, 2)])
    // Twice is twice as long.
    #expect(Self.options("33 04 00000e10 33 04 00000e10 ff") == DHCPOptions())
    // Over the fields: the options, then `file`, then `sname`.
    let read = Self.options("34 01 03 33 01 01 ff", sname: "33 02 0304 ff", file: "33 01 02 ff")
    #expect(read?.leaseTime == 0x0102_0304)
  }

  @Test("RFC 2132 §9.3: other fields have options if the message says so, and then they must be right")
  func overload() {
    let sname = "33 04 00000e10 ff"
    let file = "36 04 0a000001 ff"
    func read(_ overload: String) -> DHCPOptions? { Self.options(overload + " ff", sname: sname, file: file) }
    #expect(read("") == DHCPOptions())
    #expect(
      read("34 01 01")?.serverIdentifier == IPv4Address(10, 0, 0, 1) && read("34 01 01")?.leaseTime == nil)
    #expect(read("34 01 02")?.leaseTime == 3_600 && read("34 01 02")?.serverIdentifier == nil)
    #expect(read("34 01 03")?.leaseTime == 3_600 && read("34 01 03")?.serverIdentifier != nil)
    for nonsense in ["34 01 00", "34 01 04", "34 02 0303", "34 00", "34 01 01 34 01 02"] {
      #expect(read(nonsense) == DHCPOptions(), "\(nonsense)")
    }
    // Fields that lead back to themselves, or to each other, are read once.
    let loop = Self.options(
      "34 01 01 ff", sname: "34 01 03 33 04 00000e10 ff", file: "34 01 02 03 04 0a000001 ff")
    #expect(loop?.routers.count == 1 && loop?.leaseTime == nil)
    // Filled to the last octet, and one beyond.
    let full = "ee 7c " + String(repeating: "00", count: 124) + " ee 00"
    #expect(Self.options("34 01 01 ff", file: full) == DHCPOptions())
    let over = "ee 7c " + String(repeating: "00", count: 124) + " ee 01"
    #expect(Self.options("34 01 01 ff", file: over) == nil)
    #expect(Self.options("34 01 02 ff", file: over) == DHCPOptions())
  }

  @Test("what is random or damaged is read without a trap, and what was read is written and read again")
  func garbage() throws {
    var random = SeededGenerator(seed: 5)
    let good = Self.octets(Self.everything)
    var taken = 0
    for _ in 0..<20_000 {
      var octets = good + random.bytes(Int(random.next() % 40))
      for _ in 0..<(1 + random.next() % 6) {
        let place = random.chance(1, in: 4) ? Int(random.next() % 108) : 240 + Int(random.next() % 200)
        octets[place % octets.count] =
          random.chance(1, in: 2) ? UInt8(random.next() % 64) : UInt8(random.next() & 255)
      }
      if random.chance(1, in: 3) { octets[240 + 3] = 52 }
      guard let read = DHCPMessage(parsing: octets.span.bytes) else { continue }
      taken += 1
      let again = Self.octets(read)
      #expect(DHCPMessage(parsing: again.span.bytes) == read)
    }
    #expect(taken > 1_000)
  }

  @Test("a mask is one when no one follows a zero")
  func masks() {
    for length in 0...32 as ClosedRange<UInt8> {
      let bits = ~(UInt32.max >> UInt32(length))
      #expect(IPv4Address(bits: bits).maskLength == length)
    }
    for bits in [1, 0x00ff_ffff, 0xff00_ff00, 0xffff_fffd, 0x7fff_ffff] as [UInt32] {
      #expect(IPv4Address(bits: bits).maskLength == nil)
    }
  }
}
