#if os(Linux)
  import MartletStack
  import MartletWire

  /// How a TUN device is made and how the kernel's side of it is set up.
  public struct TUNConfiguration: Sendable {
    /// The interface's name, at most 15 octets; `%d` in it stands for the first free number.
    /// An interface of this name is used if it is a persistent TUN device that nobody has open.
    public var name: String

    /// The largest IP packet, in octets: 68 … 65,535, and 1,280 at least with IPv6.
    public var mtu: Int

    /// Addresses of the kernel on the device, with the prefixes it reaches there.
    public var kernelAddresses: [IPPrefix]

    /// Whether the interface is brought up.
    public var bringsUp: Bool

    /// What the kernel is asked to do in our place, and does not do for us: packets of many segments then pass whole, both
    /// ways, and sums of what never sees a wire are not taken. Nothing without `.checksum`. The link's `offload` says what it has agreed to. Whoever uses
    /// the link without a stack must heed the metadata of packets; without this, there is nothing to heed.
    public var offload: InterfaceConfiguration.Offload

    /// Whether `TUNLink.queues` may make further queues of the device, up to 256 (IFF_MULTI_QUEUE). A persistent
    /// device must have been made so, too.
    public var hasQueues: Bool

    public init(
      name: String = "martlet%d", mtu: Int = 1500, kernelAddresses: [IPPrefix] = [], bringsUp: Bool = true,
      offload: InterfaceConfiguration.Offload = [], hasQueues: Bool = false
    ) {
      self.name = name
      self.mtu = mtu
      self.kernelAddresses = kernelAddresses
      self.bringsUp = bringsUp
      self.offload = offload
      self.hasQueues = hasQueues
    }
  }

  /// What another queue of a TUN device has to know of it.
  public struct TUNQueues: Sendable {
    /// The device's.
    public let name: String
    let mtu: Int
    let carriesFrames: Bool
    let hasHeaders: Bool
    let offload: InterfaceConfiguration.Offload
  }
#endif
