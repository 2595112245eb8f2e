import MartletStack
import MartletTCP
import MartletWire

// What stations do to a stack that is on an Ethernet, too, and has little memory: they introduce themselves, claim
// what is not theirs, flood in each other's names, and are routers today.

extension BudgetDriver {
  private static let hardware = MACAddress(0x02, 0, 0, 0, 0, 0xaa)
  private static let own = IPAddress.v4(IPv4Address(10, 7, 0, 1))

  static var ethernet: InterfaceConfiguration {
    let medium = EthernetMedium(hardwareAddress: hardware, checksAddresses: false, autoconfigures: true)
    return InterfaceConfiguration(addresses: [IPPrefix(own, length: 16)], medium: .ethernet(medium))
  }

  mutating func frames(_ argument: Int) throws(Finding) {
    guard let ethernet else { return }
    let salt = script.next()
    for i in 0..<(4 + argument >> 3) {
      let n = salt &+ UInt8(truncatingIfNeeded: i)
      let station = MACAddress(0x02, 0, 0, 0, 1, n)
      switch argument & 7 {
      case 0, 1:
        try injectFrame(arp(argument & 1 == 0 ? .request : .reply, from: station, n), from: station, .arp)
      case 2, 3:
        let type: UInt8 = argument & 1 == 0 ? 135 : 136
        let target = IPv6Address(high: 0xfe80_0000_0000_0000, low: UInt64(n))
        try message(type, 0x6000_0000, octets(16) { $0.store(target, at: 0) }, n, from: station)
      case 4: try message(134, UInt32(n) << 4, advertisement(n), n, from: station)
      case 5:
        let header = TCPHeader(
          sourcePort: 9, destinationPort: Service(n).port, seq: SequenceNumber(7), ack: SequenceNumber(0),
          flags: .syn, window: UnscaledWindow(1_000))
        let syn = packet(
          .tcp, from: address(n), to: Self.own, octets(header.encodedCount) { header.write(into: &$0, at: 0) }
        )
        try injectFrame(syn, from: station, .ipv4)
      case 6:
        guard let socket else { return }
        let text = Octets(repeating: 3, count: Int(n) * 5)
        try? stack.send(socket, text.span.bytes, to: Endpoint(address: address(n), port: 9), now: now)
      default:
        guard i == 0 else { return }
        // It is unplugged, and plugged in again.
        try? stack.removeInterface(ethernet)
        try check()
        self.ethernet = try? stack.addInterface(Self.ethernet)
      }
    }
  }

  private func address(_ n: UInt8) -> IPAddress { .v4(IPv4Address(10, 7, 1, n)) }

  private mutating func injectFrame(_ payload: Octets, from station: MACAddress, _ type: EtherType)
    throws(Finding)
  {
    guard let ethernet else { return }
    let header = octets(EthernetHeader.encodedCount) {
      EthernetHeader(destination: Self.hardware, source: station, etherType: type).write(into: &$0, at: 0)
    }
    stack.receive((header + payload).span.bytes, on: ethernet, now: now)
    if !withholds { try pull() }
  }

  private func arp(_ operation: ARPOperation, from station: MACAddress, _ n: UInt8) -> Octets {
    octets(ARPPacket.encodedCount) {
      ARPPacket(
        operation: operation, senderHardware: station, senderProtocol: IPv4Address(10, 7, 1, n),
        targetHardware: .zero, targetProtocol: IPv4Address(10, 7, 0, 1)
      ).write(into: &$0, at: 0)
    }
  }

  /// Neighbor Discovery of a station with a link-local address, to all.
  private mutating func message(
    _ type: UInt8, _ word: UInt32, _ body: Octets, _ n: UInt8, from station: MACAddress
  ) throws(Finding) {
    let option = octets(NeighborOption.encodedCount) {
      (type == 136 ? NeighborOption.targetLinkAddress(station) : .sourceLinkAddress(station))
        .write(into: &$0, at: 0)
    }
    let head = octets(8) {
      $0.store32be(UInt32(type) << 24, at: 0)
      $0.store32be(word, at: 4)
    }
    let source = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: UInt64(n)))
    let whole = packet(
      .icmpv6, from: source, to: .v6(.allNodes), head + body + option, hopLimit: 255)
    try injectFrame(whole, from: station, .ipv6)
  }

  /// Two times, and two networks that are on the link and that addresses may be made of.
  private func advertisement(_ n: UInt8) -> Octets {
    octets(8 + 2 * 32) {
      for k in 0..<2 {
        let place = 8 + k * 32
        $0.store32be(0x0304_40c0, at: place)
        $0.store32be(UInt32(n) * 40, at: place + 4)
        $0.store32be(UInt32(n) * 20, at: place + 8)
        let network = UInt64(n) << 24 | UInt64(k) << 16
        $0.store(IPv6Address(high: 0x2001_0db8_0000_0000 | network, low: 0), at: place + 16)
      }
    }
  }

  /// What leaves goes nowhere.
  mutating func pullFrames(_ buffer: inout Octets) throws(Finding) {
    guard let ethernet else { return }
    var count = 0
    while true {
      var elements = buffer.mutableSpan
      var out = elements.mutableBytes
      guard stack.nextPacket(on: ethernet, into: &out, now: now) != nil else { return }
      count += 1
      try expect(count < 100_000, "pulling frames ends")
    }
  }
}
