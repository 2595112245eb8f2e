public import MartletWire

/// What carries the packets of an interface.
public enum Medium: Equatable, BitwiseCopyable, Sendable {
  /// Nothing but IP packets: a tunnel. There is one at its other end, and nobody to look for.
  case ip
  /// Ethernet frames: `receive` takes them and `nextPacket` writes them, neighbours are found with ARP and NDP.
  case ethernet(EthernetMedium)
  /// The stack itself: what leaves comes in again. Whoever pulls a packet from the interface hands it to `receive` on the
  /// same. Everything for the stack's own addresses leaves through it, and for 127.0.0.0/8 and ::1, which nothing else
  /// may carry (RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3). A stack has use for one.
  case loopback
}

extension InterfaceConfiguration {
  /// 127.0.0.1 and ::1, on the largest packets that there are.
  public static var loopback: InterfaceConfiguration {
    InterfaceConfiguration(
      mtu: .max,
      addresses: [IPPrefix(.v4(.loopback), length: 8), IPPrefix(.v6(.loopback), length: 128)],
      offload: .checksum, medium: .loopback)
  }
}

/// An interface's place on an Ethernet.
public struct EthernetMedium: Equatable, BitwiseCopyable, Sendable {
  /// Ours: an address for one station.
  public var hardwareAddress: MACAddress
  /// The virtual network that we are on, 1 to 4,094: frames leave with its tag, and all others are not for us. Nil:
  /// frames have no tag.
  public var vlan: UInt16?
  /// Whether an address is used only after nobody was found to have it (RFC 5227, RFC 4862 §5.4). It takes four to
  /// seven seconds for IPv4 and one to two for IPv6; an event tells.
  public var checksAddresses: Bool
  /// Whether an interface that has an address of IPv6 gets a link-local one, too, unless it was given one (RFC 4291 §2.1).
  /// Without, nothing is received that is for such an address.
  public var makesLinkLocal: Bool
  /// Whether there is a link-local address of IPv6 in any case, and routers are asked and believed: addresses, networks on the
  /// link, default routers, the MTU (RFC 4861, RFC 4862).
  public var autoconfigures: Bool
  /// Whether networks that are autoconfigured have temporary addresses as well, which new connections begin with
  /// (RFC 8981), and for how long. Nil: none.
  public var temporaryAddresses: TemporaryAddresses?
  /// Whether a DHCP server is asked for an IPv4 address, and how. An event tells what comes of it.
  public var dhcp: DHCPConfiguration?
  /// What addresses are made with (RFC 7217): the same secret makes the same addresses on the same network. Nil: the
  /// seed's, which usually is another at each start.
  public var addressSecret: AddressSecret?

  public init(
    hardwareAddress: MACAddress, vlan: UInt16? = nil, checksAddresses: Bool = true,
    makesLinkLocal: Bool = true,
    autoconfigures: Bool = false, temporaryAddresses: TemporaryAddresses? = nil,
    dhcp: DHCPConfiguration? = nil,
    addressSecret: AddressSecret? = nil
  ) {
    self.hardwareAddress = hardwareAddress
    self.vlan = vlan
    self.checksAddresses = checksAddresses
    self.makesLinkLocal = makesLinkLocal
    self.autoconfigures = autoconfigures
    self.temporaryAddresses = temporaryAddresses
    self.dhcp = dhcp
    self.addressSecret = addressSecret
  }
}

/// 128 bits that nobody can guess.
public struct AddressSecret: Equatable, BitwiseCopyable, Sendable {
  var first: UInt64
  var second: UInt64

  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }
}

/// The same as an interface keeps it: without optionals, for the path of a packet.
struct LinkLayer: BitwiseCopyable {
  /// Octets before the IP header: 0 where packets come bare, 14, or 18 with a tag.
  var headerCount: UInt8 = 0
  var checksAddresses = false
  var autoconfigures = false
  var makesLinkLocal = false
  var hasClient = false
  /// 0: no tag.
  var vlan: UInt16 = 0
  var hardware = MACAddress.zero
  var addressSecret: AddressSecret?
  var temporaryAddresses: TemporaryAddresses?

  init(_ medium: Medium) {
    guard case .ethernet(let ethernet) = medium else { return }
    hardware = ethernet.hardwareAddress
    vlan = ethernet.vlan ?? 0
    checksAddresses = ethernet.checksAddresses
    autoconfigures = ethernet.autoconfigures
    makesLinkLocal = ethernet.makesLinkLocal
    hasClient = ethernet.dhcp != nil
    addressSecret = ethernet.addressSecret
    temporaryAddresses = ethernet.temporaryAddresses
    headerCount = UInt8(truncatingIfNeeded: EthernetHeader.encodedCount)
    if vlan > 0 { headerCount &+= UInt8(truncatingIfNeeded: VLANTag.encodedCount) }
  }

  @inline(__always)
  var isEthernet: Bool { headerCount > 0 }
}

extension Medium {
  /// Of an Ethernet where a DHCP server is asked for an address.
  var dhcp: DHCPConfiguration? {
    guard case .ethernet(let ethernet) = self else { return nil }
    return ethernet.dhcp
  }

  var error: InterfaceError? {
    guard case .ethernet(let ethernet) = self else { return nil }
    if !ethernet.hardwareAddress.isUnicast { return .invalidHardwareAddress }
    if let vlan = ethernet.vlan, !(1...4_094).contains(vlan) { return .invalidVLAN }
    if let terms = ethernet.temporaryAddresses, !terms.isSensible { return .invalidLifetime }
    return nil
  }
}
