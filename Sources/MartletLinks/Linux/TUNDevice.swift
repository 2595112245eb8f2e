#if os(Linux)
  import CMartletSystem
  import MartletStack
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// An open TUN or TAP device and the kernel's side of it. At its end the device is gone; one that was
  /// there before (a persistent one) loses only the addresses that it was given here.
  struct TUNDevice: ~Copyable {
    let descriptor: FileDescriptor
    let interface: KernelInterface
    let mtu: Int
    let carriesFrames: Bool
    /// A `VirtioHeader` stands before each packet.
    let hasHeaders: Bool
    /// What the kernel does for us.
    let offload: InterfaceConfiguration.Offload
    /// What makes further descriptors of it, where it may have several.
    let queues: TUNQueues?
    private let addressesToRemove: [IPPrefix]

    /// Makes the device in the calling thread's network namespace; one that carries Ethernet frames is a TAP device.
    init(_ configuration: TUNConfiguration, carriesFrames: Bool = false) throws(LinkError) {
      try Self.check(configuration)
      let existed = KernelInterface.exists(configuration.name)
      let fd = try Self.open()
      do throws(LinkError) {
        let hasHeaders = !configuration.offload.isEmpty
        let name = try Self.attach(
          fd, configuration.name, carriesFrames, hasHeaders, hasQueues: configuration.hasQueues)
        let offload = Self.agree(fd, configuration.offload)
        try Self.checkRivals(of: configuration.kernelAddresses, on: name)
        let interface = try KernelInterface(existing: name)
        if interface.mtu != configuration.mtu { try interface.setMTU(configuration.mtu) }
        var added: [IPPrefix] = []
        do throws(LinkError) {
          for address in configuration.kernelAddresses {
            try interface.add(address)
            added.append(address)
          }
          if configuration.bringsUp && !interface.isUp { try interface.setUp(true) }
        } catch {
          if existed { for address in added { interface.remove(address) } }
          throw error
        }
        self.interface = interface
        mtu = configuration.mtu
        self.carriesFrames = carriesFrames
        self.hasHeaders = hasHeaders
        self.offload = offload
        queues =
          configuration.hasQueues
          ? TUNQueues(
            name: name, mtu: configuration.mtu, carriesFrames: carriesFrames, hasHeaders: hasHeaders,
            offload: offload) : nil
        addressesToRemove = existed ? added : []
        descriptor = FileDescriptor(rawValue: fd)
      } catch {
        close(fd)
        throw error
      }
    }

    /// One more descriptor of a device that has queues, in the calling thread's network namespace. The device is there as
    /// long as any of them is.
    init(_ queues: TUNQueues) throws(LinkError) {
      let fd = try Self.open()
      do throws(LinkError) {
        _ = try Self.attach(fd, queues.name, queues.carriesFrames, queues.hasHeaders, hasQueues: true)
        if Self.agree(fd, queues.offload) != queues.offload {
          throw LinkError(.wrongDevice, "The queues of \(queues.name) differ in what they can do.")
        }
        interface = try KernelInterface(existing: queues.name)
      } catch {
        close(fd)
        throw error
      }
      mtu = queues.mtu
      carriesFrames = queues.carriesFrames
      hasHeaders = queues.hasHeaders
      offload = queues.offload
      self.queues = queues
      addressesToRemove = []
      descriptor = FileDescriptor(rawValue: fd)
    }

    deinit {
      for address in addressesToRemove { interface.remove(address) }
      try? descriptor.close()
    }

    private static let path = "/dev/net/tun"

    private static func open() throws(LinkError) -> Int32 {
      let fd = martlet_open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0)
      guard fd < 0 else { return fd }
      let errno = Errno(rawValue: -fd)
      switch errno {
      case .noSuchFileOrDirectory, .noSuchAddressOrDevice, Errno(rawValue: ENODEV):
        throw LinkError(
          .noDevice, errno: errno,
          "There is no \(path). Load the driver with \"modprobe tun\"; "
            + "in a container, pass the device in (--device \(path)).")
      case .permissionDenied, .notPermitted:
        throw LinkError(
          .noPermission, errno: errno,
          "No permission to open \(path). Run as root, or let your group read and write it.")
      default:
        throw LinkError(failed: "cannot open \(path)", errno)
      }
    }

    /// Offers the kernel to take large segments and incomplete sums, and returns what it will take from us: the same. What
    /// it does not know (datagrams before Linux 6.2) is left out. A device that was there before still has what its last owner took,
    /// which is no more.
    private static func agree(
      _ fd: Int32, _ wanted: InterfaceConfiguration.Offload
    ) -> InterfaceConfiguration.Offload {
      guard wanted.contains(.checksum) else {
        _ = martlet_tun_set_offload(fd, 0, 0, 0)
        return []
      }
      let segments: Int32 = wanted.contains(.segmentation) ? 1 : 0
      if wanted.contains(.datagramSegmentation), martlet_tun_set_offload(fd, 1, segments, 1) == 0 {
        return wanted
      }
      let smaller = wanted.subtracting(.datagramSegmentation)
      return martlet_tun_set_offload(fd, 1, segments, 0) == 0 ? smaller : []
    }

    private static func attach(
      _ fd: Int32, _ name: String, _ frames: Bool, _ headers: Bool, hasQueues: Bool
    ) throws(LinkError) -> String {
      let kind = frames ? "TAP" : "TUN"
      var actual = [CChar](repeating: 0, count: Int(MARTLET_NAME_SIZE))
      let flags = martlet_tun_flags(frames ? 1 : 0, headers ? 1 : 0, hasQueues ? 1 : 0)
      let result = martlet_tun_attach(fd, name, flags, &actual)
      guard result < 0 else {
        return String(decoding: actual.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      }
      let errno = Errno(rawValue: -result)
      switch errno {
      case .notPermitted, .permissionDenied:
        throw LinkError(
          .noPermission, errno: errno,
          "No permission to create the \(kind) device \(name). Run as root, give the program CAP_NET_ADMIN "
            + "(\"setcap cap_net_admin+ep PROGRAM\"), or have root make the device for you: "
            + "\"ip tuntap add dev \(name) mode \(kind.lowercased()) user $USER\".")
      case .resourceBusy:
        throw LinkError(
          .deviceBusy, errno: errno,
          "The \(kind) device \(name) is in use by another process. End that process or choose another name.")
      case .invalidArgument:
        throw LinkError(
          .wrongDevice, errno: errno,
          "\(name) is no \(kind) device, or was made with other settings. Choose another name.")
      default:
        throw LinkError(failed: "cannot create the \(kind) device \(name)", errno)
      }
    }

    /// The kernel takes the same address on several interfaces, and then uses the first only.
    private static func checkRivals(of addresses: [IPPrefix], on name: String) throws(LinkError) {
      let assigned = AssignedAddress.all()
      for address in addresses {
        guard let rival = assigned.first(where: { $0.interface != name && $0.rivals(address) }) else {
          continue
        }
        throw LinkError(
          .addressInUse,
          "The interface \(rival.interface) has \(rival.prefix) already, so \(address) would not be reached "
            + "through \(name). Choose addresses of another network, or another network namespace.")
      }
    }

    private static func check(_ configuration: TUNConfiguration) throws(LinkError) {
      let name = configuration.name
      let limit = Int(MARTLET_NAME_SIZE) - 1
      guard name.utf8.count <= limit else {
        throw LinkError(
          .nameTooLong, "\"\(name)\" is too long for an interface. Use at most \(limit) octets.")
      }
      let bad = name.utf8.contains { $0 <= 0x20 || $0 == 0x2f || $0 == 0x3a || $0 == 0x7f }  // '/' and ':'
      guard !name.isEmpty, !bad, name != ".", name != ".." else {
        throw LinkError(
          .badName, "\"\(name)\" cannot name an interface. Use letters, digits, '-' and '_'.")
      }
      let least = configuration.kernelAddresses.contains { $0.isIPv6 } ? 1280 : 68
      guard (least...65_535).contains(configuration.mtu) else {
        throw LinkError(
          .badMTU,
          "An MTU of \(configuration.mtu) is out of range. "
            + "Choose one from \(least) to 65535 (RFC 791 §3.2, RFC 8200 §5).")
      }
    }
  }

  extension PacketPort {
    init(_ device: borrowing TUNDevice) {
      let kind = device.carriesFrames ? "TAP" : "TUN"
      self.init(
        device.descriptor, name: device.interface.name, what: "The \(kind) device \(device.interface.name)",
        framing: device.hasHeaders ? .virtio : .bare, carriesFrames: device.carriesFrames)
    }
  }
#endif
