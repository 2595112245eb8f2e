#if os(Linux)
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

    public init(
      name: String = "martlet%d", mtu: Int = 1500, kernelAddresses: [IPPrefix] = [], bringsUp: Bool = true
    ) {
      self.name = name
      self.mtu = mtu
      self.kernelAddresses = kernelAddresses
      self.bringsUp = bringsUp
    }
  }
#endif
