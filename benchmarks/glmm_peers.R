# One fit of the stepped-wedge logit by lme4 or glmmTMB: Rscript glmm_peers.R CSV PACKAGE. Prints one line of JSON.
arguments <- commandArgs(TRUE)
children <- read.csv(arguments[1])
children$site <- factor(children$site)
columns <- setdiff(names(children), c("y", "site", "one"))
model <- as.formula(paste("y ~", paste(columns, collapse = " + "), "+ (1 | site)"))
suppressPackageStartupMessages(library(arguments[2], character.only = TRUE))
fit <- if (arguments[2] == "lme4") glmer else glmmTMB
spent <- system.time(found <- fit(model, data = children, family = binomial))
effects <- if (arguments[2] == "lme4") fixef(found) else fixef(found)$cond
cat(sprintf(
  '{"seconds": %.4f, "cpu": %.4f, "log_likelihood": %.8f, "treated": %.8f, "version": "%s", "r": "%s"}\n',
  spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]], as.numeric(logLik(found)), effects[["treated"]],
  packageVersion(arguments[2]), getRversion()
))
