import MartletLinks
import MartletWire

/// The addresses on both sides of a device, worked out before anything is made.
package struct DevicePlan: Equatable, Sendable {
  package var name: String
  package var mtu: Int
  /// The stack's own.
  package var addresses: [IPPrefix]
  /// The kernel's.
  package var kernelAddresses: [IPPrefix]
  /// Others than the kernel are on the link, too.
  package var isEthernet = false
  /// Who passes on what is not for the link.
  package var gateways: [IPAddress] = []

  /// - Parameter kernel: what the user says of the kernel's side; a prefix of the stack that no
  ///   address of it lies in gets the next free one.
  package init(
    name: String, mtu: Int, addresses: [IPPrefix], kernel: [KernelAddressArgument],
    hasKernelSide: Bool = true, needsAddress: Bool = true
  ) throws {
    guard !addresses.isEmpty || !needsAddress else {
      throw SpecificationError("The stack needs an address. Give one with --address, such as 10.7.0.1/24.")
    }
    self.name = name
    self.mtu = mtu
    self.addresses = addresses
    kernelAddresses = []
    for argument in kernel {
      let prefix = try argument.prefix(beside: addresses)
      guard !addresses.contains(where: { $0.address == prefix.address }) else {
        throw SpecificationError(
          "\(prefix.address) cannot be on both sides. Choose another --kernel-address.")
      }
      kernelAddresses.append(prefix)
    }
    guard hasKernelSide else { return }
    for own in addresses where !kernelAddresses.contains(where: { own.contains($0.address) }) {
      let taken = addresses.map(\.address) + kernelAddresses.map(\.address)
      do throws(LinkError) {
        kernelAddresses.append(try own.nextFreeAddress(taken: taken))
      } catch {
        throw SpecificationError(error.message)
      }
    }
  }

  /// Everything is reached through the one device there is; on an Ethernet what is no neighbour, by a gateway.
  package var routes: [IPPrefix] {
    if isEthernet { return [] }
    let all = [IPPrefix(.v4(.any), length: 0), IPPrefix(.v6(.any), length: 0)]
    return all.filter { route in addresses.contains { $0.address.isIPv4 == route.address.isIPv4 } }
  }
}

/// An address that the stack is to have, as it is typed: with the length of its prefix.
package enum AddressArgument {
  package static func parse(_ text: String) throws -> IPPrefix {
    guard let prefix = IPPrefix(text) else {
      guard let address = IPAddress(text) else {
        throw SpecificationError("no address. Write 10.7.0.1/24 or fd00:7::1/64.")
      }
      throw SpecificationError(
        "the length of the prefix is missing. Write \(address)/\(address.isIPv4 ? 24 : 64).")
    }
    guard prefix.address.isUnicast, !prefix.address.isLoopback, !prefix.address.isUnspecified else {
      throw SpecificationError("no host can have this address. Choose a unicast one, such as 10.7.0.1/24.")
    }
    if case .v4(let address) = prefix.address, prefix.length < 31 {
      guard prefix.broadcast != address, prefix.network.address != prefix.address else {
        throw SpecificationError(
          "the first and the last address of a network are reserved. Choose one between.")
      }
    }
    return prefix
  }
}

/// An address of the kernel, with or without the length of its prefix.
package struct KernelAddressArgument: Equatable, Sendable {
  private let address: IPAddress
  private let length: UInt8?

  package init(_ text: String) throws {
    if let prefix = IPPrefix(text) {
      (address, length) = (prefix.address, prefix.length)
    } else if let address = IPAddress(text) {
      (self.address, length) = (address, nil)
    } else {
      throw SpecificationError("no address. Write 10.7.0.2 or fd00:7::2/64.")
    }
    guard address.isUnicast, !address.isLoopback, !address.isUnspecified else {
      throw SpecificationError("no host can have this address. Choose a unicast one, such as 10.7.0.2.")
    }
  }

  /// Without a length of its own it has that of the stack's prefix that it lies in.
  fileprivate func prefix(beside addresses: [IPPrefix]) throws -> IPPrefix {
    if let length { return IPPrefix(address, length: length) }
    guard let beside = addresses.first(where: { $0.contains(address) }) else {
      throw SpecificationError(
        "\(address) lies in no prefix of --address. Write it with its length, such as \(address)/24.")
    }
    return IPPrefix(address, length: beside.length)
  }
}
