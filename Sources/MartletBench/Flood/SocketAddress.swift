import MartletWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if os(Linux)
  /// An address and a port as the kernel wants them.
  struct SocketAddress {
    private var storage = sockaddr_in6()
    let family: Int32
    private let count: socklen_t

    init(_ address: IPAddress, port: UInt16) {
      switch address {
      case .v4(let address):
        family = AF_INET
        count = socklen_t(MemoryLayout<sockaddr_in>.size)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = address.bits.bigEndian
        name.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: name, as: sockaddr_in.self) }
      case .v6(let address):
        family = AF_INET6
        count = socklen_t(MemoryLayout<sockaddr_in6>.size)
        storage.sin6_family = sa_family_t(AF_INET6)
        storage.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &storage.sin6_addr) {
          $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
          $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
      }
    }

    func withUnsafe<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
      withUnsafePointer(to: storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, count) }
      }
    }
  }
#endif
