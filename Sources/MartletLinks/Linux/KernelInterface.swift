#if os(Linux)
  import CMartletSystem
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// The kernel's side of an interface: its addresses, MTU and state, changed by ioctl and
  /// netlink, without help from other programs.
  ///
  /// It belongs to the network namespace of the thread that made it, and works from any thread.
  struct KernelInterface: ~Copyable {
    let name: String
    let index: Int32
    private let control: Int32
    private let netlink: Int32

    /// The interface of this name in the calling thread's network namespace.
    init(existing name: String) throws(LinkError) {
      let control = martlet_control_socket()
      guard control >= 0 else { throw LinkError(failed: "cannot open a socket", Errno(rawValue: -control)) }
      let netlink = martlet_netlink_open()
      let index = martlet_interface_index(control, name)
      guard netlink >= 0, index > 0 else {
        close(control)
        if netlink >= 0 { close(netlink) }
        throw LinkError(
          failed: "cannot use the interface \(name)", Errno(rawValue: netlink < 0 ? -netlink : -index))
      }
      self.name = name
      self.index = index
      self.control = control
      self.netlink = netlink
    }

    deinit {
      close(control)
      close(netlink)
    }

    /// Whether the calling thread's network namespace has an interface of this name.
    static func exists(_ name: String) -> Bool { if_nametoindex(name) != 0 }

    func setUp(_ up: Bool) throws(LinkError) {
      try check(
        martlet_interface_set_up(control, name, up ? 1 : 0), "cannot bring \(name) \(up ? "up" : "down")")
    }

    var isUp: Bool { martlet_interface_is_up(control, name) == 1 }

    /// In octets of an IP packet.
    var mtu: Int { Int(martlet_interface_mtu(control, name)) }

    func setMTU(_ mtu: Int) throws(LinkError) {
      let result = martlet_interface_set_mtu(control, name, Int32(clamping: mtu))
      if result == -EINVAL {
        throw LinkError(
          .badMTU, errno: .invalidArgument,
          "\(name) cannot have an MTU of \(mtu). Choose one from 68 (1280 with IPv6) to 65535.")
      }
      try check(result, "cannot set the MTU of \(name)")
    }

    /// Gives the kernel an address; the prefix becomes reachable through the interface.
    func add(_ prefix: IPPrefix) throws(LinkError) {
      let result = change(prefix, add: true)
      switch -result {
      case EEXIST:
        throw LinkError(
          .addressInUse, errno: .fileExists,
          "\(name) has the address \(prefix) already. Choose another with --kernel-address.")
      case EINVAL, EADDRNOTAVAIL:
        throw LinkError(
          .badAddress, errno: Errno(rawValue: -result),
          "The kernel does not take \(prefix) as its address. Choose a unicast address with --kernel-address."
        )
      case EACCES:
        throw LinkError(
          .unsupported, errno: .permissionDenied,
          "IPv6 is switched off on \(name). Use IPv4 only, or \"sysctl net.ipv6.conf.all.disable_ipv6=0\".")
      case EOPNOTSUPP, EAFNOSUPPORT:
        throw LinkError(
          .unsupported, errno: Errno(rawValue: -result),
          "The kernel lacks the address family of \(prefix). Use the other one.")
      default:
        try check(result, "cannot give \(name) the address \(prefix)")
      }
    }

    /// Takes an address away; one that is not there is no error.
    func remove(_ prefix: IPPrefix) { _ = change(prefix, add: false) }

    private func change(_ prefix: IPPrefix, add: Bool) -> Int32 {
      let octets = prefix.address.octets
      return martlet_netlink_change_address(
        netlink, add ? 1 : 0, index, octets.count == 16 ? 1 : 0, octets, prefix.length)
    }

    private func check(_ result: Int32, _ what: String) throws(LinkError) {
      guard result < 0 else { return }
      let errno = Errno(rawValue: -result)
      if errno == .notPermitted || errno == .permissionDenied {
        throw LinkError(
          .noPermission, errno: errno,
          "\(what): no permission. Run as root, or give the program the capability CAP_NET_ADMIN.")
      }
      throw LinkError(failed: what, errno)
    }
  }

  extension IPAddress {
    /// 4 or 16 octets, in network order.
    fileprivate var octets: [UInt8] {
      switch self {
      case .v4(let address):
        return (0..<4).map { UInt8(truncatingIfNeeded: address.bits >> (24 - 8 * $0)) }
      case .v6(let address):
        return [address.high, address.low].flatMap { half in
          (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) }
        }
      }
    }
  }
#endif
