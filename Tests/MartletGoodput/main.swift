import MartletTCP

// What Tools/goodput runs. Cells are independent: as many at a time as it is told.

let usage = """
  usage: MartletGoodput algorithms              their names
         MartletGoodput default                 the one that new connections start with
         MartletGoodput table ALGORITHM [JOBS]  all cells of one
         MartletGoodput named [JOBS]            the lines of the named cells, each behind its name and a tab
         MartletGoodput cell NAME...            the same for these
         MartletGoodput trace NAME [STEPS]      what the first connection does, step by step
         MartletGoodput fairness NAME SECONDS   Jain's index of the second half, if the cell lasted longer and longer
         MartletGoodput packets NAME FROM TO    every packet between two milliseconds
         MartletGoodput records NAME FROM TO    the sender's flight recorder between two milliseconds
  """

let arguments = Array(CommandLine.arguments.dropFirst())
switch (arguments.first, arguments.count) {
case ("algorithms", 1):
  for algorithm in CongestionControl.allCases { print("\(algorithm)") }
case ("default", 1):
  print("\(TCPConfiguration().congestionControl)")
case ("table", 2...3):
  guard let algorithm = CongestionControl.allCases.first(where: { "\($0)" == arguments[1] }) else {
    throw UnknownName(arguments[1])
  }
  let lines = try await measure(Cell.all(algorithm), jobs: jobs(2))
  print(Table(algorithm: algorithm, lines: lines).text)
case ("named", 1...2):
  for line in try await measure(Cell.named, jobs: jobs(1)) { print("\(line.cell.name)\t\(line.text)") }
case ("cell", 2...):
  let cells = try arguments.dropFirst().map { try cell($0) }
  print(Line.heading)
  for cell in cells {
    for line in try await measure([cell], jobs: 1) { print("\(line.text)") }
  }
case ("trace", 2...3):
  var run = try CellRun(cell(arguments[1]))
  try run.trace(steps: arguments.count > 2 ? Int64(arguments[2]) ?? 100 : 100)
case ("fairness", 3):
  var run = try CellRun(cell(arguments[1]))
  try run.printFairness(seconds: Int64(arguments[2]) ?? 100)
case ("records", 4):
  var run = try CellRun(cell(arguments[1]), records: 65_536)
  try run.printRecords(from: Int64(arguments[2]) ?? 0, to: Int64(arguments[3]) ?? 0)
case ("packets", 4):
  var run = try CellRun(cell(arguments[1]))
  try run.printPackets(from: Int64(arguments[2]) ?? 0, to: Int64(arguments[3]) ?? 0)
default:
  print(usage)
  throw UnknownName(arguments.joined(separator: " "))
}

func jobs(_ place: Int) -> Int {
  arguments.count > place ? max(Int(arguments[place]) ?? 1, 1) : 1
}

func cell(_ name: String) throws -> Cell {
  guard let cell = Cell(name: name) else { throw UnknownName(name) }
  return cell
}

struct UnknownName: Error {
  let name: String

  init(_ name: String) { self.name = name }
}
