import ArgumentParser
import MartletLinks
import MartletStack
import MartletWire

/// The options of every command that makes a TUN device.
struct DeviceOptions: ParsableArguments {
  @Option(
    name: .customLong("dev"),
    help: ArgumentHelp(
      "The TUN device to make, or a persistent one to use; %d stands for the first free number.",
      valueName: "name"))
  var device = "martlet%d"

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

  @Option(help: ArgumentHelp("The largest IP packet on the device, in octets.", valueName: "octets"))
  var mtu = 1500

  @Option(
    help: ArgumentHelp("Write every packet to this pcapng file, for Wireshark.", valueName: "file"))
  var write: String?

  func plan() throws -> DevicePlan {
    try DevicePlan(name: device, mtu: mtu, addresses: addresses, kernel: kernelAddresses)
  }

  /// The command that runs something on the kernel's side.
  var kernelSidePrefix: String {
    guard let netns else { return "" }
    return netns.contains("/") ? "nsenter --net=\(netns) " : "ip netns exec \(netns) "
  }
}

#if os(Linux)
  /// The link of a command: a TUN device whose packets may be captured or withheld.
  typealias CommandLink = TappedLink<WithholdingLink<TUNLink>, CaptureTap>

  extension DeviceOptions {
    /// Makes the device. `withholding`: no segment of ours leaves but the SYN.
    func open(
      _ plan: DevicePlan, capture: CaptureFile?, withholding: Bool = false
    ) throws(LinkError) -> CommandLink {
      let configuration = TUNConfiguration(
        name: plan.name, mtu: plan.mtu, kernelAddresses: plan.kernelAddresses)
      let device = try tunnel(configuration)
      return TappedLink(
        WithholdingLink(device, isWithholding: withholding), tap: CaptureTap(file: capture))
    }

    private func tunnel(_ configuration: TUNConfiguration) throws(LinkError) -> TUNLink {
      guard let netns else { return try TUNLink(configuration) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TUNLink(configuration, in: namespace)
    }

    /// The file that `--write` names.
    func capture() throws -> CaptureFile? {
      guard let write else { return nil }
      return try CaptureFile(path: write, interface: device)
    }
  }
#endif
