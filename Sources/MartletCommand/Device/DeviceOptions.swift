import ArgumentParser
import MartletLinks
import MartletStack
import MartletTrace
import MartletWire

/// The options of every command that makes a device, or joins one.
struct DeviceOptions: ParsableArguments, Sendable {
  @Option(
    name: .customLong("dev"),
    help: ArgumentHelp(
      "The TUN device to make, or a persistent one to use; %d stands for the first free number.",
      valueName: "name"))
  var dev: String?

  @Option(
    help: ArgumentHelp(
      "Make a TAP device in place of a TUN device: an Ethernet on which the stack is a station beside the kernel.",
      valueName: "name"))
  var tap: String?

  @Option(
    help: ArgumentHelp(
      "Join the Ethernet of an interface that there is, as a station beside the kernel (AF_PACKET).",
      valueName: "interface"))
  var packet: String?

  @Option(
    help: ArgumentHelp(
      "Speak over a serial line, with packets in SLIP (RFC 1055). Both ends must have the same speed and MTU.",
      valueName: "device"))
  var serial: String?

  @Option(help: ArgumentHelp("With --serial: bits per second.", valueName: "number"))
  var speed = 115_200

  @Option(
    help: ArgumentHelp(
      "With --tap or --packet: our hardware address (default: a random one).", valueName: "mac"),
    transform: { try DeviceOptions.hardware($0) })
  var hardwareAddress: MACAddress?

  @Option(
    help: ArgumentHelp("With --tap or --packet: the VLAN that we are on, 1 to 4094.", valueName: "number"))
  var vlan: UInt16?

  @Option(
    name: .customLong("gateway"),
    help: ArgumentHelp(
      "With --tap or --packet: the station that passes on what is not for the link; one of each family.",
      valueName: "address"),
    transform: ConnectCommand.address)
  var gateways: [IPAddress] = []

  @Flag(
    inversion: .prefixedNo,
    help: "With --tap or --packet: use an address only when nobody is found to have it, which takes seconds.")
  var checkAddresses = true

  @Flag(
    help: "With --tap or --packet: ask routers for IPv6 addresses and ways, and do as they say (SLAAC).")
  var autoconfigure = false

  @Flag(
    help:
      "With --autoconfigure: begin connections with an address that is made anew every day (RFC 8981).")
  var temporaryAddresses = false

  @Flag(
    help:
      "With --tap or --packet: ask a DHCP server for an IPv4 address and a way, and give it back at the end.")
  var dhcp = false

  @Option(
    help: ArgumentHelp("With --dhcp: what the server is told that we are called.", valueName: "name"),
    transform: { try DeviceOptions.hostName($0) })
  var dhcpHostName: DHCPHostName?

  @Option(
    name: .customLong("address"),
    help: ArgumentHelp(
      "An address of the stack, with the length of its prefix; may be repeated.", valueName: "address/length"),
    transform: AddressArgument.parse)
  var addresses: [IPPrefix] = []

  @Option(
    name: .customLong("kernel-address"),
    help: ArgumentHelp(
      "An address of the kernel's side of the device (default: the next free one of each prefix).",
      valueName: "address"),
    transform: { try KernelAddressArgument($0) })
  var kernelAddresses: [KernelAddressArgument] = []

  @Option(
    help: ArgumentHelp(
      "The network namespace to make the device in: a name of \"ip netns\", or a path.", valueName: "name"))
  var netns: String?

  @Flag(
    inversion: .prefixedNo,
    help:
      "With --dev, --tap or --packet: let packets of many segments pass whole, and sums that nobody needs be left out."
  )
  var offload = true

  @Flag(
    help:
      "With --packet: let the kernel wake us for blocks of frames and not for each: least work, and up to 1 ms of delay."
  )
  var ring = false

  @Flag(help: "When the device goes away make it again, once a second, and go on; without, that is the end.")
  var reconnect = false

  @Option(help: ArgumentHelp("The largest IP packet on the device, in octets.", valueName: "octets"))
  var mtu = 1500

  @Option(
    help: ArgumentHelp("Write every packet to this pcapng file, for Wireshark.", valueName: "file"))
  var write: String?

  func validate() throws {
    let kinds = [dev, tap, packet, serial].compactMap { $0 }.count
    guard kinds <= 1 else {
      throw ValidationError("--dev, --tap, --packet and --serial exclude each other. Give one.")
    }
    guard serial != nil || speed == 115_200 else { throw ValidationError("--speed goes with --serial.") }
    if serial != nil, !kernelAddresses.isEmpty || netns != nil {
      throw ValidationError("--kernel-address and --netns go with a device of the kernel, not with --serial.")
    }
    guard packet != nil || !ring else { throw ValidationError("--ring goes with --packet.") }
    guard autoconfigure || !temporaryAddresses else {
      throw ValidationError("--temporary-addresses goes with --autoconfigure.")
    }
    guard dhcp || dhcpHostName == nil else { throw ValidationError("--dhcp-host-name goes with --dhcp.") }
    if dhcp, let own = addresses.first(where: { $0.address.isIPv4 }) {
      throw ValidationError("--dhcp asks a server for what --address \(own) gives. Leave one of them out.")
    }
    guard !isEthernet else {
      if let vlan, !(1...4_094).contains(vlan) {
        throw ValidationError("There is no VLAN \(vlan). Choose a number from 1 to 4094.")
      }
      if packet != nil, !kernelAddresses.isEmpty {
        throw ValidationError("--kernel-address goes with a device that is made, not with --packet.")
      }
      return
    }
    guard hardwareAddress == nil, vlan == nil, gateways.isEmpty, checkAddresses, !autoconfigure, !dhcp else {
      throw ValidationError(
        "--hardware-address, --vlan, --gateway, --autoconfigure, --dhcp and --no-check-addresses go with --tap or --packet."
      )
    }
  }

  var isEthernet: Bool { tap != nil || packet != nil }

  /// What it is called, or is to be.
  var device: String { serial ?? packet ?? tap ?? dev ?? "martlet%d" }

  func plan() throws -> DevicePlan {
    var plan = try DevicePlan(
      name: device, mtu: mtu, addresses: addresses, kernel: kernelAddresses,
      hasKernelSide: packet == nil && serial == nil,
      needsAddress: !autoconfigure && !dhcp)
    plan.isEthernet = isEthernet
    plan.gateways = gateways
    return plan
  }

  /// Our place on the Ethernet.
  func ethernet(_ seed: StackSeed) -> EthernetMedium {
    EthernetMedium(
      hardwareAddress: hardwareAddress ?? seed.hardwareAddress, vlan: vlan, checksAddresses: checkAddresses,
      autoconfigures: autoconfigure, temporaryAddresses: temporaryAddresses ? TemporaryAddresses() : nil,
      dhcp: dhcp ? DHCPConfiguration(hostName: dhcpHostName) : nil)
  }

  /// What stands where the addresses would, that others give.
  var addressSource: String {
    autoconfigure
      ? dhcp ? "what routers and a DHCP server say" : "what routers say" : "what a DHCP server lends"
  }

  private static func hostName(_ text: String) throws -> DHCPHostName {
    guard let name = DHCPHostName(text) else {
      throw SpecificationError("no name of a host. Write up to 63 letters, digits, hyphens and dots.")
    }
    return name
  }

  private static func hardware(_ text: String) throws -> MACAddress {
    guard let address = MACAddress(text), address.isUnicast else {
      throw SpecificationError("no hardware address of one station. Write 02:00:00:00:00:01.")
    }
    return address
  }

  /// The command that runs something on the kernel's side.
  var kernelSidePrefix: String {
    guard let netns, packet == nil else { return "" }
    return netns.contains("/") ? "nsenter --net=\(netns) " : "ip netns exec \(netns) "
  }
}

#if os(Linux)
  /// The link of a command: a device whose packets may be captured or withheld.
  typealias CommandLink = TappedLink<WithholdingLink<ReconnectingLink<CommandDevice>>, CaptureTap>

  extension DeviceOptions {
    /// Makes the device. `withholding`: no segment of ours leaves but the SYN.
    func open(
      _ plan: DevicePlan, _ seed: StackSeed, _ journal: Journal?, capture: CaptureFile?,
      withholding: Bool = false
    ) throws(LinkError) -> CommandLink {
      let place = ethernet(seed)
      let device = try CommandDevice(configuration(plan), self, place)
      return TappedLink(
        WithholdingLink(try lasting(device, plan, place, journal), isWithholding: withholding),
        tap: CaptureTap(file: capture))
    }

    /// The device as it is, or, with `--reconnect`, made again whenever it goes away, under the name that it has now.
    private func lasting(
      _ device: consuming CommandDevice, _ plan: DevicePlan, _ place: EthernetMedium, _ journal: Journal?
    ) throws(LinkError) -> ReconnectingLink<CommandDevice> {
      guard reconnect else { return try ReconnectingLink(device, again: nil) }
      var terms = configuration(plan)
      terms.name = device.name
      let (name, fixed) = (device.name, terms)
      return try ReconnectingLink(device) { error in
        let text = error.map { "\($0) It is looked for once a second." } ?? "\(name) is back."
        if let journal {
          journal.tell(.normal, error == nil ? "device_back" : "device_gone", text) {
            $0.add("device", name)
          }
        } else {
          OutputStream.error.write(text + "\n")
        }
      } again: { () throws(LinkError) in
        try CommandDevice(fixed, self, place)
      }
    }

    /// Makes a device of several queues, or joins an Ethernet in several places, each a link with a capture of its own.
    func open(
      _ plan: DevicePlan, _ seed: StackSeed, captures: [CaptureFile?]
    ) throws(LinkError) -> [CommandQueue] {
      var queues: [CommandQueue] = []
      var terms: CommandQueues?
      // One address for all: all make the same link-local one.
      var place = ethernet(seed)
      place.addressSecret = seed.addressSecret
      for capture in captures {
        let device =
          if let terms {
            try CommandDevice(terms, isEthernet ? .ethernet(place) : .ip, netns)
          } else {
            try CommandDevice(configuration(plan, hasQueues: captures.count > 1), self, place)
          }
        terms = device.queues
        queues.append(
          CommandQueue(
            TappedLink(
              WithholdingLink(try ReconnectingLink(device, again: nil), isWithholding: false),
              tap: CaptureTap(file: capture))))
      }
      return queues
    }

    private func configuration(_ plan: DevicePlan, hasQueues: Bool = false) -> TUNConfiguration {
      TUNConfiguration(
        name: plan.name, mtu: plan.mtu, kernelAddresses: plan.kernelAddresses,
        offload: offload ? .everything : [], hasQueues: hasQueues)
    }

    /// The file that `--write` names; of several, all but the first have a number behind their names.
    func capture(_ number: Int = 0) throws -> CaptureFile? {
      guard let write else { return nil }
      let path = number == 0 ? write : "\(write).\(number)"
      do throws(LinkError) {
        return try CaptureFile(path: path, interface: device, isEthernet: isEthernet)
      } catch {
        throw SpecificationError("\(error). Name another file with --write.")
      }
    }
  }

  /// A queue of a device, until whoever serves it takes it.
  final class CommandQueue {
    private var link: CommandLink?
    let name: String

    init(_ link: consuming CommandLink) {
      name = link.name
      self.link = consume link
    }

    func take() throws(LinkError) -> CommandLink {
      guard let taken = link.take() else { throw LinkError(.failed, "A queue was taken twice.") }
      return taken
    }
  }
#endif
