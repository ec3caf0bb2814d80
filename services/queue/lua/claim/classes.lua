-- Picks classes by smooth weighted round robin. Each pick adds to every waiting class its share of the weights. It
-- picks the class with the most credit and takes 1 from it. The weight of a class grows with the age of its oldest
-- task, up to a bound, so that no class outweighs the others without limit. Urgent comes first and pays nothing while
-- it may overtake.
--
-- DEFINES open_classes

-- `names`: names of the classes, the most urgent first. `oldest`: for each class with waiting tasks, when its oldest
-- one was accepted (ms).
local function open_classes(names, saved, oldest, order, now)
  local classes, credit, shares = {}, {}, {}
  for class = 1, 4 do
    credit[class] = tonumber(saved[class] or 0)
  end

  local function share_out()
    local sum = 0
    for class = 1, 4 do
      shares[class] = 0
      if oldest[class] then
        local ageing = 1 + math.max(0, now - oldest[class]) / order.startTargets[names[class]]
        shares[class] = order.weights[names[class]] * math.min(ageing, order.mostAgeing)
      end
      sum = sum + shares[class]
    end
    for class = 1, 4 do
      shares[class] = shares[class] / sum
    end
    shares.done = true
  end

  -- No task of this class may start.
  function classes.close(class)
    oldest[class], shares.done = nil, false
  end

  -- Returns the next class, and whether it has to pay for the pick; nil when no class may start a task.
  function classes.pick(urgent_overtakes)
    if oldest[1] and urgent_overtakes() then
      return 1, false
    end
    if not shares.done then
      share_out()
    end
    local best
    for class = 1, 4 do
      if not oldest[class] then
        credit[class] = 0
      elseif not best or credit[class] + shares[class] > credit[best] + shares[best] then
        best = class
      end
    end
    return best, true
  end

  function classes.pay(picked)
    for class = 1, 4 do
      if oldest[class] then
        credit[class] = credit[class] + shares[class] - (class == picked and 1 or 0)
      end
    end
  end

  function classes.credit(class)
    return credit[class]
  end

  return classes
end
